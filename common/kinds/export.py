"""The kind `export`: what queries of a data source give, as a file. The first query is the task's command."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ByteSize, Field, StringConstraints, field_validator, model_validator

from common.domain import file_names
from common.domain.invalid import N_
from common.fields import Flag, Whole, refuse, storable
from common.kinds.base import LONGEST_TEXT, Kind, KindSpec, Reference
from common.kinds.sql import DataSourceId, Parameters, Timeout, Zone

#: Rows that are read and written at a time.
CHUNK = 10_000
EXTENSIONS = {"xlsx": "xlsx", "csv": "csv", "parquet": "parquet"}
_MB = 1_000_000

SheetName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(storable)
]
Bytes = Annotated[ByteSize, Field(ge=100_000, le=2_000_000_000)]


class Sheet(KindSpec):
    """A further query, and the name of its sheet; of csv and parquet it makes a file of its own."""

    name: SheetName
    query: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT), AfterValidator(storable)]


class Spec(KindSpec):
    """What an export needs beside its first query."""

    data_source_id: DataSourceId
    format: Literal["xlsx", "csv", "parquet"] = Field("xlsx", description="Parquet needs `rota[parquet]`.")
    file_name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=file_names.LONGEST)] = (
        Field(
            "{{ task_name }}-{{ date }}",
            description="Name of the file without its ending, as a template. It knows "
            + ", ".join(f"`{name}`" for name in file_names.NAMES)
            + '; `{{ scheduled.strftime("%Y%m%d") }}` writes the time at which it was due another way.',
        )
    )
    sheet: SheetName = Field("Sheet1", description="Name of the first query's sheet.")
    sheets: list[Sheet] = Field(default_factory=list, max_length=49, description="Further queries.")
    parameters: Parameters = Field(
        default_factory=dict, description="Values for `:name` in the queries.", examples=[{"since": "2026-01-01"}]
    )
    timezone: Zone = Field("UTC", description="IANA zone of instants in the file and of dates in its name.")
    when_empty: Literal["send", "skip", "fail"] = Field(
        "send", description="Without a row: a file with nothing but its header, no file, or a failure."
    )
    decimals: Literal["number", "text"] = Field(
        "number", description="Whether decimals are numbers in xlsx; those of more than 15 digits are always text."
    )
    encoding: Literal["utf-8-sig", "utf-8", "gb18030"] = Field(
        "utf-8-sig", description="Of csv. Excel knows UTF-8 by the mark that `utf-8-sig` begins with."
    )
    delimiter: Literal[",", ";", "\t", "|"] = Field(",", description="Of csv.")
    formulas_as_text: Flag = Field(
        True, description="In csv, text that a spreadsheet would take for a formula gets an apostrophe before it."
    )
    max_rows: Whole | None = Field(None, ge=1, le=1_000_000_000, description="More rows fail the export.")
    max_size: Bytes = Field(ByteSize(100 * _MB), description="A larger file fails the export; `500MB`.")
    max_memory: Bytes = Field(ByteSize(512 * _MB), description="Memory of its process above which it fails.")
    query_timeout: Timeout = Field(3600.0, description="Seconds after which a query is cancelled on its server.")
    guard: Annotated[Whole, Field(ge=1, le=1000)] | None = Field(
        50,
        description="Warn when rows or bytes differ by more than so many percent from what the task's last runs gave,"
        " and always when there is no row and there were some before. Null: never.",
    )

    @field_validator("file_name")
    @classmethod
    def _template(cls, value: str) -> str:
        try:
            file_names.check(value)
        except file_names.InvalidTemplate as error:
            raise refuse(error.template, **error.params) from None
        return storable(value)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [self.sheet, *(sheet.name for sheet in self.sheets)]
        for index, name in enumerate(names):
            if name.casefold() in {other.casefold() for other in names[:index]}:
                raise refuse(N_("Two sheets are called {name}."), name=name)
        return self

    def queries(self, first: str) -> list[tuple[str, str]]:
        """Every sheet's name with its query; `first` is the task's command."""
        return [(self.sheet, first), *((sheet.name, sheet.query) for sheet in self.sheets)]

    def references(self) -> Iterator[Reference]:
        yield Reference("data_source", self.data_source_id, "spec.data_source_id")


KIND = Kind(
    name="export",
    title=N_("Export"),
    summary=N_("What queries give, as a spreadsheet, csv or Parquet file."),
    icon="sheet",
    spec=Spec,
    command_title=N_("Query"),
    command_missing=N_("Must not be empty. Write the query whose rows are exported."),
)
