"""The audit log as a file, written piece by piece: however long it is, little of it is in memory."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Literal, TypeAlias

from api.schemas.audit import AuditEntry
from common.db.types import Record
from common.domain.cells import as_text

Format = Literal["csv", "json"]
Rows: TypeAlias = AsyncIterator[Sequence[Record]]

_COLUMNS = tuple(AuditEntry.model_fields)


async def _csv(pieces: Rows) -> AsyncIterator[str]:
    # Excel takes UTF-8 for something else without the mark.
    yield "\ufeff" + _lines([_COLUMNS])
    async for rows in pieces:
        yield _lines([_cells(row) for row in rows])


def _cells(row: Record) -> list[str]:
    values = AuditEntry.of(row).model_dump(mode="json")
    values["details"] = json.dumps(values["details"], ensure_ascii=False)
    return [as_text("" if value is None else str(value)) for value in values.values()]


def _lines(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


async def _json(pieces: Rows) -> AsyncIterator[str]:
    separator = "[\n"
    async for rows in pieces:
        yield separator + ",\n".join(AuditEntry.of(row).model_dump_json() for row in rows)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


#: Media type and writer of each format.
FORMATS: Mapping[Format, tuple[str, Callable[[Rows], AsyncIterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "json": ("application/json", _json),
}
