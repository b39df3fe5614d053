"""What fields of anything people describe have in common: limits, and the words in which they are refused."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, Strict, StringConstraints
from pydantic_core import PydanticCustomError, PydanticKnownError

from common.domain.invalid import N_
from common.domain.variables import is_name

#: Linux refuses one argument or variable of 128 KiB and more; the command is one argument of the shell.
MAX_ARGUMENT = 100_000
#: Everything handed to a program together; Linux refuses more than a quarter of the stack limit (2 MiB).
MAX_ARGUMENTS = 1_000_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NUMBER = re.compile(r"\s*[-+]?\d+(\.\d*)?(e[-+]?\d+)?\s*", re.IGNORECASE)


def refuse(template: str, **params: object) -> PydanticCustomError:
    """An error whose words are translated where they are shown: a gettext source with `{name}` places for `params`."""
    return PydanticCustomError("refused", "{text}", {"template": template, "text": template.format(**params), **params})


def storable(value: str) -> str:
    """Refuse text that not every database can keep: PostgreSQL takes no NUL, nobody takes half a character."""
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise refuse(N_("Must be valid text without NUL characters."))
    return value


def plausible(value: datetime) -> datetime:
    """Take a time without a zone as UTC; refuse what cannot be moved between zones."""
    if not 1970 <= value.year <= 9000:
        raise refuse(N_("Must be between the years 1970 and 9000."))
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _no_number(value: object) -> object:
    """Refuse a bare number: nobody can tell whether it counts seconds or milliseconds."""
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise refuse(N_("Must be a time such as 2026-03-29T08:00:00+08:00."))
    return value


def _one_line(value: str) -> str:
    if _CONTROL.search(value):
        raise refuse(N_("Must not contain line breaks or control characters."))
    return storable(value)


def argument(value: str) -> str:
    """Refuse what Linux does not take as one argument of a program."""
    if len(storable(value).encode()) > MAX_ARGUMENT:
        raise refuse(
            N_("Must not be longer than {most} bytes. Put long programs into a file."), most=f"{MAX_ARGUMENT:,}"
        )
    return value


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _no_boolean(value: object) -> object:
    """Refuse true and false where a number belongs: Python would count with them."""
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value


#: JSON's true and false, and not the many texts that are read as one of them: "secret": "no" must not be a guess.
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, BeforeValidator(_no_boolean)]
Number = Annotated[float, BeforeValidator(_no_boolean)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)]
Argument = Annotated[str, AfterValidator(argument)]
Variable = Annotated[str, BeforeValidator(_number_as_text), AfterValidator(argument)]
QueueName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,31}$")]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), AfterValidator(_one_line)]
Prose = Annotated[str, AfterValidator(storable)]
Time = Annotated[datetime, BeforeValidator(_no_number), AfterValidator(plausible)]
Seconds = Annotated[Number, Field(ge=0, le=2_592_000, allow_inf_nan=False)]


def variable_name(name: str) -> str:
    """Refuse what cannot name a variable of a task's environment."""
    if not is_name(name):
        raise refuse(
            N_('"{name}" is not a variable name: letters, digits and _, not starting with a digit.'), name=name[:40]
        )
    if name.startswith("ROTA_"):
        raise refuse(N_('"{name}": names that start with ROTA_ are set by Rota itself.'), name=name[:40])
    return name


VariableName = Annotated[str, StringConstraints(max_length=100), AfterValidator(variable_name)]
