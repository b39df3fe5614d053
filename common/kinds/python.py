"""The kind `python`: a saved program, or one that stands in the task's command."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator
from pydantic_core.core_schema import ValidationInfo

from common.domain.invalid import N_
from common.fields import refuse
from common.kinds.base import Kind, KindSpec, Reference
from common.kinds.sql import DataSourceId

#: The interpreter that Rota itself runs with, and what makes one from what the program says it needs (PEP 723).
OWN, BY_METADATA = "", "uv"


class Spec(KindSpec):
    """What a Python task needs beside the program in its command."""

    program_id: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = Field(
        None, description="A saved program (`/programs`) in place of the command."
    )
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="Run this version of it whatever is saved later; the newest when left out."
    )
    interpreter: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,63})?$")] = Field(
        OWN,
        description="Empty: Rota's own Python. `uv`: what the program's inline metadata (PEP 723) asks for. Else a name"
        " that the worker's setting ROTA_INTERPRETERS knows.",
    )

    data_source_ids: Annotated[list[DataSourceId], Field(max_length=20)] = Field(
        default_factory=list, description="Data sources that the program may query, with `rota.query(name, ...)`."
    )

    @field_validator("data_source_ids")
    @classmethod
    def _once(cls, value: list[int]) -> list[int]:
        return list(dict.fromkeys(value))

    @field_validator("version")
    @classmethod
    def _of_a_program(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("program_id") is None:
            raise refuse(N_("Only a saved program has versions. Choose one."))
        return value

    def check_command(self, command: str) -> None:
        if not command.strip() and self.program_id is None:
            raise refuse(N_("Write a program, or choose a saved one."))
        if command.strip() and self.program_id is not None:
            raise refuse(N_("Either write a program here or choose a saved one, not both."))

    def references(self) -> Iterator[Reference]:
        if self.program_id is not None:
            yield Reference("program", self.program_id, "spec.program_id")
        for each in self.data_source_ids:
            yield Reference("data_source", each, "spec.data_source_ids")


KIND = Kind(
    name="python",
    title=N_("Python"),
    summary=N_("A program: saved in Rota with its versions, or written here."),
    icon="code",
    spec=Spec,
    command_title=N_("Program"),
    command_missing="",
    program=True,
)
