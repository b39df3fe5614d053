"""The form of a task: what was typed, and the input it means. Nothing typed is lost on the way."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import FormData

from api.pages.kinds import FORMS, Typed
from api.problems import field_errors
from common.domain.variables import links
from common.errors import DomainError
from common.i18n import N_, localized, translations
from common.kinds import KINDS
from common.kinds.base import KIND_SPEC
from common.services.inputs import TaskPatch
from common.services.tasks import TaskView

SCHEDULES = {
    "cron": N_("Cron"),
    "interval": N_("Interval"),
    "once": N_("Once"),
    "manual": N_("Only by hand"),
}
KEEP = "keep"
UNITS = {"s": N_("seconds"), "m": N_("minutes"), "h": N_("hours"), "d": N_("days"), "w": N_("weeks")}
_INTERVAL = re.compile(r"(\d+)\s*([smhdw])?")
#: Number fields and what an empty one means.
_NUMBERS: Mapping[str, Any] = {
    "timeout": None,
    "retries": 0,
    "retry_delay": 60,
    "retry_backoff": 1,
    "priority": 50,
    "max_history": None,
    "files_days": None,
    "misfire_grace": None,
}
#: Fields of the limits, each by its name in the form.
LIMITS = {
    "limit_memory": "memory",
    "limit_cpu": "cpu",
    "limit_processes": "processes",
    "limit_files": "files",
    "limit_nice": "nice",
}
#: Fields with a fixed set of answers.
_CHOICES = ("concurrency", "delivery", "misfire_policy")


@dataclass(frozen=True)
class EnvRow:
    """One line of the key-value editor."""

    name: str = ""
    value: str = ""
    error: str = ""


@dataclass(frozen=True)
class TaskForm:
    """The form as text."""

    kind: str = "shell"
    name: str = ""
    command: str = ""
    #: What was typed into the fields of its kind.
    spec: Typed = field(default_factory=dict)
    description: str = ""
    tags: str = ""
    schedule: str = "cron"
    cron: str = ""
    every: str = "15"
    unit: str = "m"
    at: str = ""
    timezone: str = "UTC"
    calendar: str = ""
    calendar_rule: str = ""
    jitter: str = ""
    env: list[EnvRow] = field(default_factory=lambda: [EnvRow()])
    #: Names of variables that the program finds in its environment.
    variables: list[str] = field(default_factory=list)
    args: str = ""
    cwd: str = ""
    limit_memory: str = ""
    limit_cpu: str = ""
    limit_processes: str = ""
    limit_files: str = ""
    limit_nice: str = ""
    run_as: str = ""
    timeout: str = ""
    retries: str = "0"
    retry_delay: str = "60"
    retry_backoff: str = "1"
    concurrency: str = "skip"
    delivery: str = "at_most_once"
    misfire_policy: str = "latest"
    misfire_grace: str = ""
    queue: str = "default"
    priority: str = "50"
    max_history: str = ""
    files_days: str = ""
    enabled: bool = True

    def values(self) -> dict[str, Any]:
        """What `TaskInput` and `TaskPatch` take; raises ValueError when the arguments cannot be split."""
        numbers = {name: getattr(self, name).strip() or empty for name, empty in _NUMBERS.items()}
        program = KINDS[self.kind].program
        return {
            "kind": self.kind,
            "name": self.name,
            "command": self.command,
            "spec": FORMS[self.kind].values(self.spec),
            "description": self.description.strip(),
            "tags": split_tags(self.tags),
            "env": {row.name.strip(): row.value for row in self.env if row.name.strip()} if program else {},
            "variables": self.variables if program else [],
            "args": shlex.split(self.args) if program else [],
            "cwd": (self.cwd.strip() or None) if program else None,
            "limits": {key: getattr(self, name).strip() or None for name, key in LIMITS.items()},
            "run_as": self.run_as.strip() or None,
            **{name: getattr(self, name) for name in _CHOICES},
            "queue": self.queue.strip() or "default",
            "enabled": self.enabled,
            **numbers,
            **self.schedule_values(),
        }

    def schedule_values(self) -> dict[str, Any]:
        zone = self.timezone.strip() or "UTC"
        if self.schedule == "cron" and not self.calendar and not self.jitter_values():
            return {"cron": self.cron.strip() or " ", "timezone": zone}
        if self.schedule == KEEP:
            return {}
        if self.schedule == "manual":
            return {"schedules": []}
        expr = {"interval": f"{self.every.strip()}{self.unit}", "once": self.at.strip()}.get(
            self.schedule, self.cron.strip()
        )
        item = {
            "kind": self.schedule,
            "expr": expr or " ",
            "timezone": zone,
            **self.jitter_values(),
            **self.calendar_values(),
        }
        return {"schedules": [item], "timezone": zone}

    def jitter_values(self) -> dict[str, Any]:
        """Over how many seconds the start is spread, for what starts again and again."""
        typed = self.jitter.strip()
        return {"jitter": typed} if typed not in ("", "0") and self.schedule in ("cron", "interval") else {}

    def calendar_values(self) -> dict[str, Any]:
        """The calendar as `ScheduleInput` takes it: one of your own by id, a built-in one by name."""
        if not self.calendar:
            return {}
        chosen = {"calendar_id": int(self.calendar)} if self.calendar.isdecimal() else {"calendar": self.calendar}
        return chosen | ({"calendar_rule": self.calendar_rule} if self.calendar_rule else {})

    @property
    def advanced_is_set(self) -> bool:
        """Whether something in the closed section differs from what a new task has."""
        usual = TaskForm()
        names = (*_NUMBERS, *_CHOICES, *LIMITS, "run_as", "args", "cwd", "queue", "description", "enabled")
        return any(getattr(self, name) != getattr(usual, name) for name in names)


def from_request(form: FormData) -> TaskForm:
    """What was typed, as it was typed."""
    known = {each.name for each in fields(TaskForm)} - {"env", "variables", "enabled", "kind", "spec"}
    texts = {
        name: value.replace("\r\n", "\n") for name, value in form.items() if name in known and isinstance(value, str)
    }
    names, values = (
        [value for value in form.getlist(name) if isinstance(value, str)] for name in ("env_name", "env_value")
    )
    rows = [EnvRow(name, value) for name, value in zip(names, values, strict=False) if name or value]
    kind = known_kind(form.get("kind"))
    spec = FORMS[kind].parse(form)
    chosen = [name for name in form.getlist("variables") if isinstance(name, str)]
    return TaskForm(**texts, kind=kind, spec=spec, env=[*rows, EnvRow()], variables=chosen, enabled="enabled" in form)


def empty(kind: object, *, chosen: Mapping[str, str] | None = None, **given: Any) -> TaskForm:
    """The form of a new task of this kind; what is `chosen` of its own fields already is in it."""
    name = known_kind(kind)
    spec = dict(FORMS[name].of_spec({}))
    return TaskForm(
        **given, kind=name, spec=spec | {key: value for key, value in (chosen or {}).items() if key in spec}
    )


def switched(form: TaskForm, kind: object) -> TaskForm:
    """The same for another kind, with all that was typed but what only the one before has."""
    name = known_kind(kind)
    return form if name == form.kind else replace(form, kind=name, spec=FORMS[name].of_spec({}))


def split_tags(text: str) -> list[str]:
    """Tags as people write them: with commas, Chinese ones too."""
    return [tag.strip() for tag in re.split("[,，;；]", text) if tag.strip()]


def known_kind(kind: object) -> str:
    """The kind that a request names; a shell task where it names none that there is."""
    return kind if isinstance(kind, str) and kind in FORMS else "shell"


def from_task(view: TaskView) -> TaskForm:
    """A stored task as its form."""
    task, spec = view.task, view.task.spec
    form = TaskForm(
        kind=task.kind,
        spec=FORMS[task.kind].of_spec(spec.get(KIND_SPEC, {})),
        name=task.name,
        command=task.command,
        description=task.description,
        tags=", ".join(task.tags),
        env=[*(EnvRow(name, value) for name, value in (spec.get("env") or {}).items()), EnvRow()],
        variables=[name for _, name in links(spec)],
        args=shlex.join(spec.get("args") or []),
        cwd=spec.get("cwd") or "",
        **_limits_of(spec.get("limits") or {}),
        run_as=spec.get("run_as") or "",
        timeout=_plain(task.timeout),
        retries=_plain(task.retries),
        retry_delay=_plain(task.retry_delay),
        retry_backoff=_plain(task.retry_backoff),
        concurrency=task.concurrency,
        delivery=task.delivery,
        misfire_policy=task.misfire_policy,
        misfire_grace=_plain(task.misfire_grace),
        queue=task.queue,
        priority=_plain(task.priority),
        max_history=_plain(task.max_history),
        files_days=_plain(spec.get("files_days")),
        enabled=task.enabled,
    )
    return _with_schedule(form, view)


def _limits_of(limits: Mapping[str, int]) -> dict[str, str]:
    texts = {key: str(value) for key, value in limits.items()}
    if "memory" in limits:
        texts["memory"] = _sized(limits["memory"])
    return {name: texts.get(key, "") for name, key in LIMITS.items()}


def _sized(value: int) -> str:
    """Bytes with the largest unit that divides them, as one would have typed it."""
    units = (("GB", 10**9), ("GiB", 2**30), ("MB", 10**6), ("MiB", 2**20))
    return next((f"{value // size}{unit}" for unit, size in units if value % size == 0), str(value))


def _with_schedule(form: TaskForm, view: TaskView) -> TaskForm:
    """The form shows one plain schedule; whatever is richer is kept as it is."""
    if not view.schedules:
        return replace(form, schedule="manual")
    first = view.schedules[0]
    form = replace(form, timezone=first.timezone)
    if len(view.schedules) > 1 or first.start_at or first.end_at or (first.jitter and first.kind == "once"):
        return replace(form, schedule=KEEP)
    calendar = str(first.calendar_id or first.calendar_name)
    jitter = str(first.jitter or "")
    form = replace(form, calendar=calendar, calendar_rule=first.calendar_rule, jitter=jitter)
    if first.kind == "cron":
        return replace(form, schedule="cron", cron=first.expr)
    if first.kind == "once":
        return replace(form, schedule="once", at=first.expr.strip().replace(" ", "T"))
    match = _INTERVAL.fullmatch(first.expr.strip())
    if match is None:
        return replace(form, schedule=KEEP)
    return replace(form, schedule="interval", every=match[1], unit=match[2] or "s")


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


# ---- errors ----


def invalid_fields(form: TaskForm, error: ValidationError, lang: str) -> dict[str, str]:
    """Pydantic's errors by the field of the form they belong to."""
    found: dict[str, str] = {}
    for item in field_errors(error.errors(include_url=False), lang):
        found.setdefault(form_field(form, item["field"]), item["message"])
    return found


def domain_field(form: TaskForm, error: DomainError, lang: str) -> dict[str, str]:
    return {form_field(form, error.field or ""): localized(error, lang)}


def form_field(form: TaskForm, name: str) -> str:
    """The field of the form for a field of the input; "" for what the form does not have."""
    first = name.split(".")[0]
    if first in ("schedules", "cron", "expr"):
        last = name.rpartition(".")[2]
        if last in ("timezone", "calendar", "calendar_rule", "calendar_id", "jitter"):
            return last.removesuffix("_id")
        return {"interval": "every", "once": "at"}.get(form.schedule, "cron")
    if first == "spec":
        return "_".join(name.split(".")[:2])
    if first == "limits":
        return f"limit_{name.rpartition('.')[2]}"
    return first if first in {each.name for each in fields(TaskForm)} else ""


def checked(form: TaskForm, lang: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of the form and what is wrong with them, as far as one can tell without the database."""
    gettext = translations(lang).gettext
    try:
        values = form.values()
    except ValueError:
        return {}, {"args": gettext(N_("A quote is not closed."))}
    wrong: dict[str, str] = {}
    if form.schedule == "cron" and not form.cron.strip():
        wrong["cron"] = gettext(N_("Write when it runs, or choose “Only by hand”."))
    if form.schedule == "once" and not form.at.strip():
        wrong["at"] = gettext(N_("Choose a date and a time."))
    try:
        TaskPatch.model_validate(values)
    except ValidationError as error:
        wrong = {**invalid_fields(form, error, lang), **wrong}
    return values, wrong


def zones(names: Sequence[str]) -> list[str]:
    """Zones named after places, for the list of suggestions."""
    return sorted(
        name for name in names if name == "UTC" or ("/" in name and not name.startswith(("Etc/", "SystemV/")))
    )
