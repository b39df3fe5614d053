"""The kind `import`: rows of a spreadsheet or a text file into a table. The table is the task's command."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from common.domain.invalid import N_
from common.fields import Flag, Whole, refuse, storable
from common.kinds.base import Kind, KindSpec, Reference
from common.kinds.sql import DataSourceId, Timeout

_ENCODING = re.compile(r"[A-Za-z0-9._-]{0,40}")
Id = Annotated[Whole, Field(ge=1, le=2**63 - 1)]
Heading = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(storable)
]
Short = Annotated[str, Field(max_length=200), AfterValidator(storable)]


class Column(KindSpec):
    """One column of the file, and where it goes."""

    column: Heading = Field(description="Its heading in the file, or its letter (`A`, `AB`) where it has none.")
    to: Heading = Field(description="The column of the table.")
    type: Literal["auto", "text", "integer", "decimal", "date", "datetime", "boolean"] = Field(
        "auto", description="`auto`: what the table's column is."
    )
    format: Annotated[str, Field(max_length=50)] = Field(
        "", description="How dates are written, as strptime has it: `%d.%m.%Y`."
    )


class Spec(KindSpec):
    """What an import needs beside its table."""

    data_source_id: DataSourceId
    upload_id: Id | None = Field(None, description="An uploaded file (`/uploads`).")
    task_id: Id | None = Field(None, description="The newest file of another task, such as an export.")
    path: Annotated[str, Field(max_length=1000), AfterValidator(storable)] = Field(
        "",
        description="A file on the worker, below one of ROTA_IMPORT_FOLDERS; of several that `*` means the newest.",
    )
    sheet: Short = Field("", description="Name of the sheet; the first when left out.")
    header_row: Annotated[Whole, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="Number of the row with the headings, 0 = there is none; found out when left out."
    )
    mode: Literal["append", "replace", "upsert"] = Field(
        "append",
        description="`append` adds the rows, `replace` empties the table before, `upsert` changes the rows that have"
        " the same `key` and adds the others. All in one transaction.",
    )
    key: list[Heading] = Field(default_factory=list, max_length=20, description="Columns of the table; for `upsert`.")
    columns: list[Column] = Field(
        default_factory=list, max_length=500, description="Without any, columns of the same name belong together."
    )
    trim: Flag = Field(True, description="Take away spaces around texts.")
    empty_is_null: Flag = Field(True, description="An empty text is NULL.")
    plain_width: Flag = Field(True, description="Wide letters and digits (１２) become plain ones (12).")
    duplicates: Literal["keep", "skip", "fail"] = Field(
        "keep", description="What becomes of a row that is there already in the file (by `key`, else as a whole)."
    )
    on_bad_row: Literal["fail", "reject"] = Field(
        "fail", description="`reject` leaves it out and keeps it in a file with the reason."
    )
    max_rejected: Annotated[Whole, Field(ge=0, le=1_000_000)] = Field(
        1000, description="More bad rows fail the import, and nothing of it is kept."
    )
    encoding: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        "", description="Of a text file; found out when left out."
    )
    delimiter: Annotated[str, Field(max_length=1)] = Field("", description="The same.")
    statement_timeout: Timeout | None = Field(None, description="Seconds that the database may take for one statement.")
    dry_run: Flag = Field(False, description="Do all of it, show the first rows, and take it back at the end.")

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        if not _ENCODING.fullmatch(value):
            raise refuse(N_("Must be the name of an encoding, such as utf-8 or gb18030."))
        return value

    @model_validator(mode="after")
    def _one_file(self) -> Self:
        given = [self.upload_id is not None, self.task_id is not None, bool(self.path.strip())]
        if sum(given) != 1:
            raise refuse(N_("Choose one file: an upload, the newest file of a task, or a path on the worker."))
        if self.mode == "upsert" and not self.key:
            raise refuse(N_("To change rows that are there, say by which columns they are found."))
        targets = [each.to.casefold() for each in self.columns]
        if len(set(targets)) < len(targets):
            raise refuse(N_("Two columns of the file go to the same column of the table."))
        return self

    def references(self) -> Iterator[Reference]:
        yield Reference("data_source", self.data_source_id, "spec.data_source_id")
        if self.upload_id is not None:
            yield Reference("upload", self.upload_id, "spec.upload_id")
        if self.task_id is not None:
            yield Reference("task", self.task_id, "spec.task_id")


KIND = Kind(
    name="import",
    title=N_("Import"),
    summary=N_("Rows of a spreadsheet or csv file into a table."),
    icon="import",
    spec=Spec,
    command_title=N_("Table"),
    command_missing=N_("Must not be empty. Name the table that takes the rows."),
    most=200,
)
