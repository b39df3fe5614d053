"""The kind `sql`: a script of statements for a data source. The script is the task's command."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from common.domain.invalid import N_, InvalidSchedule
from common.domain.zones import zone
from common.fields import Flag, Number, Whole, refuse, storable
from common.kinds.base import Kind, KindSpec, Reference

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

DataSourceId = Annotated[Whole, Field(ge=1, le=2**63 - 1, description="Id of the data source (`/data-sources`).")]


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise refuse(
            N_('"{name}" is not the name of a parameter: letters, digits and _, not starting with a digit.'),
            name=value[:40],
        )
    if value.lower().startswith("rota_"):
        raise refuse(N_('"{name}": names that start with rota_ are set by Rota itself.'), name=value[:40])
    return value


ParameterName = Annotated[str, AfterValidator(_name)]
ParameterText = Annotated[str, Field(max_length=100_000), AfterValidator(storable)]
#: What a statement is given for `:name`, by the driver: never spliced into its text.
Parameters = Annotated[
    dict[ParameterName, bool | int | Annotated[float, Field(allow_inf_nan=False)] | ParameterText | None],
    Field(max_length=100),
]


def _zone(value: str) -> str:
    try:
        zone(value)
    except InvalidSchedule as error:
        raise refuse(error.template, **error.params) from None
    return value


Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]
Timeout = Annotated[Number, Field(ge=0.1, le=604_800, allow_inf_nan=False)]


class Spec(KindSpec):
    """What a SQL task needs beside its script."""

    data_source_id: DataSourceId
    parameters: Parameters = Field(
        default_factory=dict,
        description="Values for `:name` in the script. `:rota_scheduled_for`, `:rota_scheduled_date` and"
        " `:rota_execution_id` are always there.",
        examples=[{"since": "2026-01-01"}],
    )
    transaction: Literal["one", "each", "none"] = Field(
        "one",
        description="`one`: the whole script is one transaction, the first error takes all of it back; `each`: every"
        " statement is one; `none`: autocommit, for scripts that begin and commit themselves, and for statements that"
        " no transaction takes (VACUUM, CREATE DATABASE).",
    )
    on_error: Literal["stop", "continue"] = Field(
        "stop", description="`continue` runs the statements that follow a failed one; not within one transaction."
    )
    read_only: Flag = Field(False, description="The database refuses whatever would change something.")
    statement_timeout: Timeout | None = Field(
        None, description="Seconds after which the database ends a statement; the data source's when left out."
    )
    timezone: Zone = Field("UTC", description="IANA zone of `:rota_scheduled_date` and `:rota_scheduled_for`.")
    first_rows: Whole = Field(20, ge=0, le=200, description="Rows of each result that are kept and shown.")

    @model_validator(mode="after")
    def _all_or_each(self) -> Self:
        if self.on_error == "continue" and self.transaction == "one":
            raise refuse(N_("Within one transaction nothing goes on after an error: choose a transaction for each."))
        return self

    def references(self) -> Iterator[Reference]:
        yield Reference("data_source", self.data_source_id, "spec.data_source_id")


KIND = Kind(
    name="sql",
    title=N_("SQL"),
    summary=N_("Statements for one of your data sources."),
    icon="db",
    spec=Spec,
    command_title=N_("Script"),
    command_missing=N_("Must not be empty. Write the statements to run, each ended by a semicolon."),
)
