"""The form of a task's shares: rows of who and what, and the input they mean."""

from dataclasses import dataclass

from pydantic import ValidationError
from starlette.datastructures import FormData

from api.formats import Locale
from api.problems import field_errors
from common.i18n import N_
from common.services.sharing import SharesInput, Sharing

RIGHTS = {"view": N_("may look"), "run": N_("may run"), "edit": N_("may change")}
KINDS = ("user", "team")
_MOST = 500


@dataclass(frozen=True)
class ShareRow:
    """One line: a user or a team by name, and the right."""

    kind: str = "user"
    who: str = ""
    right: str = "view"


def rows_of(sharing: Sharing) -> list[ShareRow]:
    """What is shared, and an empty line for one more."""
    found = [
        ShareRow("user" if each.user else "team", each.user or each.team or "", each.right) for each in sharing.shares
    ]
    return [*found, ShareRow()]


def from_request(form: FormData) -> list[ShareRow]:
    """The lines as they were typed; empty ones are gone, but for one at the end."""
    columns = [[str(value)[:200] for value in form.getlist(name)[:_MOST]] for name in ("kind", "who", "right")]
    rows = [
        ShareRow(kind if kind in KINDS else "user", who.strip(), right if right in RIGHTS else "view")
        for kind, who, right in zip(*columns, strict=False)
    ]
    return [*(row for row in rows if row.who), ShareRow()]


def checked(rows: list[ShareRow], locale: Locale) -> tuple[SharesInput | None, dict[str, str]]:
    """What the lines mean, or what is wrong with them, by line."""
    shares = [{row.kind: row.who, "right": row.right} for row in rows if row.who]
    try:
        return SharesInput.model_validate({"shares": shares}), {}
    except ValidationError as error:
        items = field_errors(error.errors(include_url=False), locale.lang)
        return None, {row_of(item["field"], rows): item["message"] for item in items}


def row_of(field: str | None, rows: list[ShareRow]) -> str:
    """The line that a field of the input stands in: "shares.2.user" is "2"."""
    number = (field or "").split(".")[1:2]
    return number[0] if number and number[0].isdecimal() and int(number[0]) < len(rows) else "0"
