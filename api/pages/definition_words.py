"""Fields of a task's definition, and their values, as people call them."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.formats import Locale
from api.pages import words
from api.pages.schedule_words import lang_of
from common.domain.definition import Change, counts
from common.domain.describe import describe
from common.domain.triggers import InvalidSchedule
from common.i18n import N_

FIELDS = {
    "name": N_("Name"),
    "description": N_("Description"),
    "kind": N_("Kind"),
    "command": N_("Command"),
    "queue": N_("Queue"),
    "priority": N_("Priority"),
    "timeout": N_("Timeout"),
    "retries": N_("Retries"),
    "retry_delay": N_("Wait before a retry"),
    "retry_backoff": N_("Wait grows by factor"),
    "concurrency": N_("Concurrency"),
    "delivery": N_("Worker dies"),
    "misfire_policy": N_("After a downtime"),
    "misfire_grace": N_("Too late after"),
    "max_history": N_("Executions to keep"),
    "files_days": N_("Days to keep files"),
    "tags": N_("Tags"),
    "env": N_("Environment"),
    "args": N_("Arguments"),
    "cwd": N_("Directory"),
    "limits": N_("Limits"),
    "limits.memory": N_("Memory"),
    "limits.cpu": N_("CPU time"),
    "limits.processes": N_("Processes"),
    "limits.files": N_("Open files"),
    "limits.nice": N_("Niceness"),
    "run_as": N_("Runs as"),
    "variables": N_("Variables"),
    "schedules": N_("Schedule"),
    "spec": N_("Settings of its kind"),
}
_CHOICES: Mapping[str, Mapping[str, str]] = {
    "concurrency": words.CONCURRENCY,
    "delivery": words.DELIVERY,
    "misfire_policy": words.MISFIRE,
}
_SECONDS = ("timeout", "retry_delay", "misfire_grace", "limits.cpu")
_LONGEST = 90


def field(name: str, locale: Locale) -> str:
    """What a field is called; entries of the environment by their own name."""
    if name in FIELDS:
        return locale.gettext(FIELDS[name])
    first, _dot, rest = name.partition(".")
    if first == "env":
        return f"${rest}"
    return rest.replace("_", " ").removesuffix(" id") if rest else name


def value(name: str, given: Any, locale: Locale) -> str:
    """A value in a few words; what is long is cut."""
    _ = locale.gettext
    if given is None or given in ("", [], {}):
        return _("none")
    if name in _CHOICES and given in _CHOICES[name]:
        return _(_CHOICES[name][given])
    if name == "kind" and given in words.KINDS:
        return _(words.KINDS[given][1])
    if name == "schedules":
        return locale.comma.join(_schedule(each, locale) for each in given)
    if name in _SECONDS:
        return locale.duration(float(given))
    if name == "limits.memory":
        return locale.size(int(given))
    return _cut(_plain(given, locale))


def _schedule(each: Mapping[str, Any], locale: Locale) -> str:
    try:
        said = describe((each["kind"], each["expr"], each["timezone"]), lang_of(locale))
    except InvalidSchedule:
        said = str(each["expr"])
    extra = [each["timezone"], each.get("calendar") or ""]
    return f"{said} ({locale.comma.join(part for part in extra if part)})"


def _plain(given: Any, locale: Locale) -> str:
    if isinstance(given, bool):
        return locale.gettext("yes") if given else locale.gettext("no")
    if isinstance(given, float) and given == int(given):
        return str(int(given))
    if isinstance(given, Sequence) and not isinstance(given, str):
        return locale.comma.join(_plain(each, locale) for each in given)
    if isinstance(given, Mapping):
        return locale.comma.join(f"{key}: {_plain(each, locale)}" for key, each in given.items())
    return str(given)


def _cut(text: str) -> str:
    first, _newline, rest = text.partition("\n")
    return f"{first[:_LONGEST]}…" if rest or len(first) > _LONGEST else first


def is_long(change: Change) -> bool:
    """Whether a change is better told by lines."""
    texts = (change.before or "", change.after or "")
    return all(isinstance(text, str) for text in texts) and any("\n" in text or len(text) > _LONGEST for text in texts)


def line_counts(change: Change, locale: Locale) -> str:
    """+6 −2 lines."""
    new, gone = counts(change.before or "", change.after or "")
    return locale.gettext("+%(new)s −%(gone)s lines", new=locale.number(new), gone=locale.number(gone))
