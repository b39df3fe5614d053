"""What the pages of settings and storage show."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from api.formats import Locale
from api.pages.home_views import Tile
from common.config import Settings
from common.i18n import N_
from common.services.effective import Setting
from common.services.storage import Kept, Storage

#: First words of names, and the group they stand in; what is not named stands in the first.
_GROUPS = (
    (N_("Server and database"), ()),
    (
        N_("Signing in"),
        ("ADMIN", "SECRET", "ENCRYPTION", "REGISTRATION", "ACCESS", "SESSION", "TOTP", "PUBLIC", "TRUSTED", "OIDC"),
    ),
    (
        N_("Workers and tasks"),
        ("QUEUES", "SLOTS", "WORKER", "LEASE", "HEARTBEAT", "DRAIN", "RUN", "NEW", "CGROUP", "OUTPUT"),
    ),
    (N_("What is kept"), ("MAX", "RETENTION", "AUDIT", "ARTIFACT", "S3")),
    (N_("Logs"), ("LOG",)),
)
_SOURCES = {"environment": N_("environment"), "file": N_("config.yaml"), "default": N_("default")}


@dataclass(frozen=True)
class SettingRow:
    """One setting."""

    name: str
    value: str
    muted: bool
    source: str
    changed: bool
    description: Markup


@dataclass(frozen=True)
class SettingsView:
    """The page."""

    groups: list[tuple[str, list[SettingRow]]]
    changed: str


def settings_view(found: Sequence[Setting], locale: Locale) -> SettingsView:
    groups: dict[str, list[SettingRow]] = {title: [] for title, _ in _GROUPS}
    for each in found:
        groups[_group(each.name)].append(_setting(each, locale))
    changed = sum(each.source != "default" for each in found)
    said = locale.ngettext(
        "%(n)s setting differs from the default.", "%(n)s settings differ from the default.", changed
    )
    return SettingsView([(locale.gettext(title), rows) for title, rows in groups.items() if rows], said)


def _group(name: str) -> str:
    first = name.split("_")[1]
    return next((title for title, words in _GROUPS if first in words), _GROUPS[0][0])


def _coded(text: str) -> Markup:
    """What stands between backticks, as code."""
    parts = text.split("`")
    return Markup().join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))


def _setting(each: Setting, locale: Locale) -> SettingRow:
    _ = locale.gettext
    value = each.value
    if value is None:
        value = _("set, not shown") if each.secret and each.is_set else _("not set")
    told = _coded(_(each.description)) if each.description else Markup()
    return SettingRow(each.name, value, each.value is None, _(_SOURCES[each.source]), each.source != "default", told)


# ---- storage ----


@dataclass(frozen=True)
class KeptRow:
    """One task."""

    name: str
    url: str
    executions: str
    limit: str
    output: str
    files: str
    size: str
    percent: int
    going: str


@dataclass(frozen=True)
class StorageView:
    """The page: a sentence first."""

    sentence: str
    sub: str
    tiles: list[Tile]
    rows: list[KeptRow]
    more: str


def storage_view(found: Storage, settings: Settings, locale: Locale) -> StorageView:
    _ = locale.gettext
    size = found.output + found.file_bytes
    going = found.too_old + found.too_many
    largest = max((each.size for each in found.tasks), default=0)
    rest = found.every - len(found.tasks)
    return StorageView(
        sentence=_going(going, found.files_going, locale),
        sub=_(
            "Executions go after %(days)s days, or when a task has more than it keeps; files when their time is over.",
            days=settings.retention_days,
        ),
        tiles=[
            Tile(_("Executions"), locale.number(found.executions), "", "/ui/executions"),
            Tile(_("Output"), locale.size(found.output), _("about"), "/ui/executions"),
            Tile(
                _("Files"),
                locale.size(found.file_bytes),
                locale.ngettext("%(n)s file", "%(n)s files", found.files),
                "/ui/files",
            ),
            Tile(_("Too old within a day"), locale.number(found.too_old), "", "/ui/executions"),
            Tile(_("Over their limit"), locale.number(found.too_many), "", "/ui/tasks"),
            Tile(_("All together"), locale.size(size), "", "/ui/tasks"),
        ],
        rows=[_kept(each, largest, locale) for each in found.tasks],
        more=locale.ngettext("%(n)s smaller task is not listed.", "%(n)s smaller tasks are not listed.", rest)
        if rest > 0
        else "",
    )


def _going(executions: int, files: int, locale: Locale) -> str:
    _ = locale.gettext
    if not executions and not files:
        return _("Nothing is deleted within the next day.")
    parts = []
    if executions:
        parts.append(locale.ngettext("%(n)s execution", "%(n)s executions", executions))
    if files:
        parts.append(locale.ngettext("%(n)s file", "%(n)s files", files))
    what = _("%(one)s and %(other)s", one=parts[0], other=parts[1]) if len(parts) > 1 else parts[0]
    return _("Within the next day %(what)s will be deleted.", what=what)


def _kept(each: Kept, largest: int, locale: Locale) -> KeptRow:
    return KeptRow(
        name=each.name,
        url=f"/ui/tasks/{each.task_id}",
        executions=locale.number(each.executions),
        limit=locale.number(each.limit),
        output=locale.size(each.output),
        files=locale.size(each.file_bytes) if each.files else "–",
        size=locale.size(each.size),
        percent=round(each.size / largest * 100) if largest else 0,
        going=locale.number(each.going) if each.going else "–",
    )
