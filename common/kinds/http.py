"""The kind `http`: one call. The address is the task's command."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from common.domain.invalid import N_
from common.domain.programs import is_name
from common.fields import refuse, storable
from common.kinds.base import Kind, KindSpec

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
#: Set by the client from what is sent, or meant for the way between two machines.
_NOT_YOURS = {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"}


def _header_name(value: str) -> str:
    if not _TOKEN.fullmatch(value) or value.lower() in _NOT_YOURS:
        raise refuse(N_('"{name}" is not a header that can be set.'), name=value[:40])
    return value


def _header_value(value: str) -> str:
    if "\r" in value or "\n" in value:
        raise refuse(N_("Must not contain line breaks or control characters."))
    return storable(value)


def _file(value: str) -> str:
    if value and not is_name(value):
        raise refuse(N_('Must be a name for a file: without / \\ : * ? " < > |.'))
    return value


HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, Field(max_length=10_000), AfterValidator(_header_value)]
Expected = Annotated[str, StringConstraints(pattern=r"^[1-5]([0-9][0-9]|xx)$")]


class Spec(KindSpec):
    """What an HTTP call needs beside its address. `${NAME}` in address, headers and body is a variable of the task."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=50)] = Field(
        default_factory=dict, examples=[{"Authorization": "Bearer ${API_TOKEN}"}]
    )
    body: Annotated[str, AfterValidator(storable)] = Field(
        "", description="Sent as it is. `${NAME|json}` writes a variable as the inside of a JSON text."
    )
    expected: list[Expected] = Field(
        default_factory=lambda: ["2xx"],
        min_length=1,
        max_length=20,
        description="Statuses that are a success: `200`, `2xx`.",
    )
    timeout: Annotated[float, Field(ge=0.1, le=3600, allow_inf_nan=False)] = Field(
        30.0, description="Seconds to wait for the server at any step."
    )
    max_bytes: int = Field(10_000_000, ge=1000, le=1_000_000_000, description="A longer answer is a failure.")
    redirects: bool = Field(False, description="Follow up to five redirects.")
    verify_tls: bool = Field(True, description="Refuse a server whose certificate is not valid.")
    save_as: Annotated[str, Field(max_length=100), AfterValidator(_file)] = Field(
        "", description="Keep the answer as a file of the execution, under this name."
    )
    any_address: bool = Field(
        False,
        description="May call addresses that are not public too. Only administrators may set it, and change such a"
        " call.",
    )


KIND = Kind(
    name="http",
    title=N_("HTTP"),
    summary=N_("A call to a web address, and what it should answer."),
    icon="globe",
    spec=Spec,
    command_title=N_("Address"),
    command_missing=N_("Must not be empty. Write the address to call, for example: https://example.com/hook"),
    most=8000,
)
