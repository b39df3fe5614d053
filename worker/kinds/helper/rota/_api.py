"""A client for HTTP APIs with tokens: gets one, renews it, and turns answers that are errors into exceptions."""

from __future__ import annotations

import base64
import json
import time
from typing import Any, Callable, Mapping
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ._job import RotaError

_LONGEST_TEXT = 500
#: Answers after which the same may be asked again, where it changes nothing.
_AGAIN = (429, 502, 503, 504)
_HARMLESS = ("GET", "HEAD", "OPTIONS")
#: Seconds before its end at which a token counts as over.
_MARGIN = 30


class ApiError(RotaError):
    """An API did not do what it was asked. `status` is that of HTTP (0: there was no answer), `code` the API's own,
    `body` what it said."""

    def __init__(self, message: str, *, status: int = 0, code: Any = None, body: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.body = body


class _Redirects(HTTPRedirectHandler):
    """Follows redirects, but takes no token to another host."""

    def redirect_request(self, req: Request, *rest: Any) -> Any:
        made = super().redirect_request(req, *rest)
        if made is not None and made.host != req.host:
            kept = {name: value for name, value in made.headers.items() if name.lower() in ("accept", "user-agent")}
            made.headers = kept
        return made


_opener = build_opener(_Redirects)


class ApiClient:
    """Calls to one API.

    api = rota.ApiClient(
        "https://api.example.com/v1/",
        token_url="auth/token", credentials={"user": "rota", "password": os.environ["API_PASSWORD"]},
        code_field="code", ok=(0, 200),
    )
    users = api.get("users", page=1)["data"]

    `token_url` is asked for a token with a POST of `credentials` (JSON, or a form with `as_form`), once before the
    first call, again when it is over, and once more when the API answers 401. The token is what the answer has at
    `token_path`; how long it lives says `expires_in` beside it, or the token itself. `login`, a function that returns a
    token (and for how many seconds it is good), does that for APIs that want it otherwise.

    An answer is an error when its status is 400 or more, or when it has a `code_field` whose value is not one of `ok`.
    What changes nothing is tried again up to `retries` times where the API is away or busy.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token_url: str | None = None,
        credentials: Mapping[str, Any] | None = None,
        as_form: bool = False,
        token_path: str = "access_token",
        login: Callable[[], Any] | None = None,
        token_header: str = "Authorization",
        token_prefix: str = "Bearer ",
        headers: Mapping[str, str] | None = None,
        code_field: str | None = None,
        ok: tuple[Any, ...] = (0, 200, "0", "200", True),
        message_field: str = "message",
        timeout: float = 30,
        retries: int = 2,
    ) -> None:
        self._base = base_url if base_url.endswith("/") else base_url + "/"
        if not self._base.startswith(("http://", "https://")):
            raise RotaError("the address of an API begins with http:// or https://")
        self._token_url = token_url
        self._credentials = dict(credentials or {})
        self._as_form = as_form
        self._token_path = token_path
        self._login = login
        self._token_header = token_header
        self._token_prefix = token_prefix
        self._headers = dict(headers or {})
        self._code_field = code_field
        self._ok = ok
        self._message_field = message_field
        self._timeout = timeout
        self._retries = retries
        self._token: str | None = None
        self._until: float | None = None

    def get(self, path: str, **parameters: Any) -> Any:
        """GET; keyword arguments are the query."""
        return self.request("GET", path, parameters=parameters)

    def post(self, path: str, body: Any = None, **parameters: Any) -> Any:
        """POST of a body that becomes JSON."""
        return self.request("POST", path, body=body, parameters=parameters)

    def put(self, path: str, body: Any = None, **parameters: Any) -> Any:
        """PUT of a body that becomes JSON."""
        return self.request("PUT", path, body=body, parameters=parameters)

    def delete(self, path: str, **parameters: Any) -> Any:
        """DELETE."""
        return self.request("DELETE", path, parameters=parameters)

    def request(self, method: str, path: str, *, body: Any = None, parameters: Mapping[str, Any] | None = None) -> Any:
        """What the API answers, read from JSON where it is JSON; raises ApiError."""
        renewed = False
        tries = 0
        while True:
            try:
                return self._once(method, path, body, parameters, self._with_token())
            except ApiError as error:
                if error.status == 401 and self._has_tokens() and not renewed:
                    renewed, self._token = True, None
                    continue
                passing = error.status in _AGAIN or error.status == 0
                if method not in _HARMLESS or not passing or tries >= self._retries:
                    raise
                tries += 1
                time.sleep(0.5 * 2**tries)

    def _has_tokens(self) -> bool:
        return self._token_url is not None or self._login is not None

    def _with_token(self) -> dict[str, str]:
        if not self._has_tokens():
            return {}
        over = self._until is not None and time.time() >= self._until
        if self._token is None or over:
            self._renew()
        return {self._token_header: f"{self._token_prefix}{self._token}"}

    def _renew(self) -> None:
        seconds: Any = None
        if self._login is not None:
            found = self._login()
            self._token, seconds = found if isinstance(found, tuple) else (found, None)
        else:
            answer = self._once("POST", str(self._token_url), self._credentials, None, {}, as_form=self._as_form)
            holder: Any = answer
            *outer, last = self._token_path.split(".")
            for name in outer:
                holder = holder.get(name) if isinstance(holder, dict) else None
            token = holder.get(last) if isinstance(holder, dict) else None
            if not isinstance(token, str) or not token:
                raise ApiError(f"the answer of {self._token_url} has no token at {self._token_path}", body=answer)
            self._token, seconds = token, holder.get("expires_in")
        self._until = _until(str(self._token), seconds)

    def _once(
        self,
        method: str,
        path: str,
        body: Any,
        parameters: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        *,
        as_form: bool = False,
    ) -> Any:
        url = urljoin(self._base, path.lstrip("/") if not path.startswith(("http://", "https://")) else path)
        wanted = {name: value for name, value in (parameters or {}).items() if value is not None}
        if wanted:
            url += ("&" if "?" in url else "?") + urlencode(wanted, doseq=True)
        sent = {"Accept": "application/json", **self._headers, **headers}
        data = None
        if body is not None and as_form:
            data = urlencode(body).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        elif body is not None:
            data = json.dumps(body, default=str).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            with _opener.open(Request(url, data, sent, method=method), timeout=self._timeout) as answer:
                status, text = answer.status, answer.read()
        except HTTPError as error:
            raise self._error(method, url, error.code, _parsed(error.read())) from None
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise ApiError(f"{method} {_bare(url)}: no answer ({reason})") from None
        found = _parsed(text)
        coded = self._code_field and isinstance(found, dict) and self._code_field in found
        if coded and found[self._code_field] not in self._ok:
            raise self._error(method, url, status, found)
        return found

    def _error(self, method: str, url: str, status: int, body: Any) -> ApiError:
        code = body.get(self._code_field) if self._code_field and isinstance(body, dict) else None
        names = (self._message_field, "msg", "detail", "error_description", "error", "title")
        said = next((body[name] for name in names if body.get(name)), "") if isinstance(body, dict) else body
        words = [f"{method} {_bare(url)}: {status}", *([f"code {code}"] if code is not None else [])]
        if said:
            words.append(str(said)[:_LONGEST_TEXT])
        return ApiError(", ".join(words), status=status, code=code, body=body)


def _bare(url: str) -> str:
    """An address without its query, which may hold what nobody should read in a log."""
    return url.partition("?")[0]


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data) if data.strip() else None
    except ValueError:
        return data.decode("utf-8", "replace")


def _until(token: str, seconds: Any) -> float | None:
    """When, in Unix time, a token counts as over; None = when the API says so."""
    if isinstance(seconds, (int, float)) and not isinstance(seconds, bool):
        return time.time() + max(seconds - _MARGIN, 0)
    try:
        middle = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return float(claims["exp"]) - _MARGIN
    except (IndexError, KeyError, ValueError, TypeError):
        return None
