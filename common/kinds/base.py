"""What all kinds of task have in common."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from common.domain.invalid import N_

#: Where `tasks.spec` keeps what its kind needs.
KIND_SPEC = "kind"
#: Bytes of a command that is no argument of a program: a script of SQL, the text of a program.
LONGEST_TEXT = 1_000_000


@dataclass(frozen=True, slots=True)
class Reference:
    """Something else that a task uses: `thing` is what it is ("data_source"), `field` names the input that says so."""

    thing: str
    id: int
    field: str


class KindSpec(BaseModel):
    """What a task of one kind needs beside its command: the API's `spec`. Stored whole, so that a default that changes
    later changes no task."""

    model_config = ConfigDict(extra="forbid", str_max_length=200_000, hide_input_in_errors=True)

    def check_command(self, command: str) -> None:
        """Refuse (`common.fields.refuse`) a command that does not go with what is said here."""

    def references(self) -> Iterator[Reference]:
        """What of other people's it uses; whoever gives it to a task must be allowed to (services.references)."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of task. Texts are gettext sources.

    `title` and `summary` are shown where the kind is chosen, `command_title` labels the command in the form, and
    `command_missing` is what is said when there is none; empty where the kind needs none. `icon` is one of
    static/icons.svg. `most` bytes the command may have.
    """

    name: str
    title: str
    summary: str
    icon: str
    spec: type[KindSpec]
    command_title: str
    command_missing: str
    #: Whether it runs a program of whoever wrote it, which takes an environment, arguments and a working directory.
    program: bool = False
    most: int = LONGEST_TEXT
    #: Longer than that says this instead.
    too_long: str = N_("Must not be longer than {most} bytes.")

    @property
    def command_required(self) -> bool:
        """Whether there must be a command."""
        return bool(self.command_missing)

    def stored(self, spec: dict[str, Any]) -> dict[str, Any]:
        """What is kept of a valid `spec`; nothing where it says no more than a task without one."""
        read = self.spec.model_validate(spec)
        usual = {name for name, field in self.spec.model_fields.items() if field.is_required()}
        if not usual and read == self.spec():
            return {}
        return read.model_dump(mode="json")

    def shown(self, stored: dict[str, Any]) -> dict[str, Any]:
        """A stored spec with what it leaves unsaid; as it is where it is not valid any more."""
        try:
            return self.spec.model_validate(stored).model_dump(mode="json")
        except ValueError:
            return stored
