"""What a kind of task adds to the form."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData

from api.formats import Locale
from common.db.session import ReadSession

#: What was typed into the fields of a kind, by their names without `spec_`: as text, nothing is lost on the way.
Typed = Mapping[str, Any]


async def nothing_more(session: ReadSession, typed: Typed, locale: Locale) -> Mapping[str, Any]:
    """For a kind whose template needs nothing but what was typed."""
    return {}


@dataclass(frozen=True, slots=True)
class KindForm:
    """The part of the form for one kind; its template is `tasks/kinds/NAME.html`, whose fields are named `spec_FIELD`.

    `parse` takes what was typed out of a request, `of_spec` out of a stored spec (or none), `values` makes of it the
    spec that `TaskInput` checks: what it cannot read it hands on as it is, and the model says what is wrong with it.
    `show` gives the template what else it needs, as `kind`. `sections` are those of the rest of the form that make
    sense: "environment" (variables, arguments, working directory).
    """

    parse: Callable[[FormData], Typed]
    of_spec: Callable[[Mapping[str, Any]], Typed]
    values: Callable[[Typed], dict[str, Any]]
    show: Callable[[ReadSession, Typed, Locale], Awaitable[Mapping[str, Any]]] = nothing_more


def text(form: FormData, name: str) -> str:
    """What was typed into one field, with the line ends of Unix."""
    value = form.get(f"spec_{name}")
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""


def texts(form: FormData, name: str) -> list[str]:
    """What was typed into fields of one name."""
    return [value.replace("\r\n", "\n") for value in form.getlist(f"spec_{name}") if isinstance(value, str)]


def number(value: str) -> Any:
    """What was typed as a number; None for nothing, and as it was typed where it is none."""
    given = value.strip()
    try:
        return int(given) if given else None
    except ValueError:
        pass
    try:
        return float(given)
    except ValueError:
        return given
