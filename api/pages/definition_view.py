"""The tab with a task's definition: what it is in a version, what that version changed, and all versions."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from api.formats import Locale
from api.pages import definition_words
from api.pages.parts import Address, Pager, pager
from common.domain.definition import Change, DiffLine, changes, diff
from common.services.definitions import Definition, Version

#: Versions in the list of the tab.
SIZE = 20


@dataclass(frozen=True)
class VersionRow:
    """A version in the list."""

    number: int
    url: str
    current: bool
    newest: bool
    author: str
    when: Markup
    fields: str


@dataclass(frozen=True)
class FieldDiff:
    """A field that differs: two values, or the lines of a text."""

    label: str
    before: str = ""
    after: str = ""
    lines: Sequence[DiffLine] = ()
    counts: str = ""


@dataclass(frozen=True)
class DefinitionView:
    """The tab."""

    heading: str
    note: str
    fields: list[FieldDiff]
    version: int
    is_newest: bool
    command: str
    command_kind: str
    facts: list[tuple[str, str]]
    rows: list[VersionRow]
    pager: Pager
    restore_url: str | None


def definition_view(
    shown: Definition,
    against: Definition | None,
    versions: Sequence[Version],
    total: int,
    page: int,
    *,
    newest: int,
    url: str,
    may_edit: bool,
    locale: Locale,
) -> DefinitionView:
    """What the tab shows; `against` is the version to compare with, if there is one."""
    _ = locale.gettext
    differing = changes(against.definition, shown.definition) if against else []
    heading = (
        _("v%(before)s to v%(after)s", before=against.version, after=shown.version) if against else _("First version")
    )
    address = Address(f"{url}/definition", {"version": "" if shown.version == newest else str(shown.version)})
    said = shown.definition
    return DefinitionView(
        heading=heading,
        note=_author(shown, locale),
        fields=[_differing(change, locale) for change in differing],
        version=shown.version,
        is_newest=shown.version == newest,
        command=said.get("command", ""),
        command_kind=said.get("kind", ""),
        facts=_facts(said, locale),
        rows=[_row(each, shown.version, newest, url, locale) for each in versions],
        pager=pager(address, locale, page=page, size=SIZE, shown=len(versions), total=total),
        restore_url=f"{url}/versions/{shown.version}/restore" if may_edit and shown.version != newest else None,
    )


def _author(version: Version, locale: Locale) -> str:
    when = locale.stamp(version.at)
    return locale.comma.join(part for part in (version.author, when) if part)


def _differing(change: Change, locale: Locale) -> FieldDiff:
    label = definition_words.field(change.field, locale)
    if definition_words.is_long(change):
        lines = diff(change.before or "", change.after or "")
        return FieldDiff(label, lines=lines, counts=definition_words.line_counts(change, locale))
    before, after = (definition_words.value(change.field, each, locale) for each in (change.before, change.after))
    return FieldDiff(label, before, after)


def _facts(said: dict[str, object], locale: Locale) -> list[tuple[str, str]]:
    """Every field but the command, those that say nothing left out."""
    found = []
    for name, value in said.items():
        if name in ("name", "command") or value in (None, "", [], {}):
            continue
        if isinstance(value, dict):
            found += [
                (definition_words.field(f"{name}.{key}", locale), definition_words.value(f"{name}.{key}", each, locale))
                for key, each in value.items()
                if each not in (None, "", [], {})
            ]
        else:
            found.append((definition_words.field(name, locale), definition_words.value(name, value, locale)))
    return found


def _row(version: Version, current: int, newest: int, url: str, locale: Locale) -> VersionRow:
    names = [definition_words.field(name, locale) for name in version.fields]
    return VersionRow(
        number=version.version,
        url=f"{url}/definition?version={version.version}",
        current=version.version == current,
        newest=version.version == newest,
        author=version.author,
        when=locale.time_tag(version.at),
        fields=locale.comma.join(names) or locale.gettext("First version"),
    )
