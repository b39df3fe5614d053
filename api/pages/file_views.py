"""What pages show of the files that executions left."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from api.formats import Locale
from api.pages.parts import Link
from common.db.types import Record
from common.domain.permissions import Right

URL = "/ui/files"


@dataclass(frozen=True)
class FileRow:
    """One file; addresses of what the reader may not do are None."""

    name: str
    size: str
    about: str
    when: str | Markup
    until: str
    url: str
    link_url: str | None
    revoke_url: str | None
    delete_url: str | None
    task: Link | None = None
    execution: Link | None = None


@dataclass(frozen=True)
class FilesView:
    """A part of the list of all files."""

    rows: Sequence[FileRow]
    total: str
    search: str
    first: str | None
    older: str | None


def file_row(row: Record, right: Right, locale: Locale, *, attempts: int = 1) -> FileRow:
    """A file as the reader meets it; `attempts` of its execution have left files."""
    _ = locale.gettext
    about = [_("attempt %(n)s", n=row.token)] if attempts > 1 else []
    about += [_("can be had by a link")] if row.linked else []
    page, may = f"{URL}/{row.id}", right >= Right.RUN
    return FileRow(
        name=row.name,
        size=locale.size(row.size),
        about=locale.comma.join(about),
        when=locale.time_tag(row.created_at, locale.relative(row.created_at)),
        until=_("until %(day)s", day=locale.date(row.expires_at)),
        url=f"/artifacts/{row.id}",
        link_url=f"{page}/link" if may else None,
        revoke_url=f"{page}/revoke" if may and row.linked else None,
        delete_url=f"{page}/delete" if right >= Right.EDIT else None,
    )


def of_execution(rows: Sequence[Record], right: Right, locale: Locale) -> list[FileRow]:
    """The files on the page of their execution."""
    attempts = len({row.token for row in rows})
    return [file_row(row, right, locale, attempts=attempts) for row in rows]


def files_view(
    rows: Sequence[Record], totals: tuple[int, int], search: str, before: int | None, size: int, locale: Locale
) -> FilesView:
    """The list; it has one row more than is shown where there are older ones."""
    shown = rows[:size]
    found = []
    for row in shown:
        plain = file_row(row, Right.VIEW, locale)
        task = Link(row.task_name, f"/ui/tasks/{row.task_id}")
        found.append(
            FileRow(
                **{
                    **plain.__dict__,
                    "task": task,
                    "execution": Link(f"#{row.execution_id}", f"/ui/executions/{row.execution_id}"),
                }
            )
        )
    count, used = totals
    told = locale.ngettext("%(n)s file", "%(n)s files", count)
    more = {"q": search, "before": str(shown[-1].id)} if len(rows) > size else {}
    return FilesView(
        rows=found,
        total=f"{told}{locale.comma}{locale.size(used)}",
        search=search,
        first=_address({"q": search}) if before is not None else None,
        older=_address(more) if more else None,
    )


def _address(values: dict[str, str]) -> str:
    kept = {name: value for name, value in values.items() if value}
    return f"{URL}?{urlencode(kept)}" if kept else URL
