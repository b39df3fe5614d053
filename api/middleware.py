"""What every answer carries and every request must keep to: security headers, limits."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.csp import policy
from common.i18n import N_, translations

CSP = policy()
_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


#: Browsers send some twenty, with proxies forty.
MOST_HEADERS = 100


#: What takes files of people.
_UPLOADS = frozenset({"/uploads", "/api/uploads", "/ui/uploads"})


def most_bytes(scope: Scope, usual: int, upload: int) -> int:
    """Bytes that the body of this request may have."""
    return upload if scope["type"] == "http" and scope["path"].rstrip("/") in _UPLOADS else usual


class BodyLimit:
    """Refuses a body of more than `usual` bytes as it comes, or of more than `upload` where files are taken."""

    def __init__(self, app: ASGIApp, usual: int, upload: int) -> None:
        self._usual, self._upload = usual, upload
        self._apps = {size: RequestBodyLimitMiddleware(app, max_body_size=size) for size in (usual, upload)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._apps[most_bytes(scope, self._usual, self._upload)](scope, receive, send)


class RequestLimits:
    """Refuses requests with more headers than anybody needs, or a body said to be larger than `BodyLimit` takes.

    How long the headers are together the server limits; a body that does not say its size is counted as it comes.
    """

    def __init__(self, app: ASGIApp, usual: int, upload: int) -> None:
        self._app, self._usual, self._upload = app, usual, upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            length = Headers(scope=scope).get("content-length", "")
            if len(scope["headers"]) > MOST_HEADERS:
                await self._refuse(431, N_("The request has more headers than Rota takes."), scope, receive, send)
                return
            if length.isdecimal() and int(length) > most_bytes(scope, self._usual, self._upload):
                await self._refuse(413, N_("The request is larger than Rota takes."), scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _refuse(self, status: int, why: str, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        gettext = translations(problems.language(request)).gettext
        answer = problems.problem(request, status, gettext(N_("Too large")), gettext(why), code="http")
        await answer(scope, receive, send)


class SecurityHeaders:
    """Adds the security headers, and `no-store` to whatever does not say how long it may be kept."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)


class CompressedPages:
    """Compresses pages, which are text with much repetition; answers of the API, downloads and streams are left alone.

    What must stay secret on a page is another with every answer (`auth.csrf_token`), so that sizes tell nothing of it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressed = GZipMiddleware(app, minimum_size=1000, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith("/ui")
        await (self._compressed if is_page and not _FILE.search(scope["path"]) else self._app)(scope, receive, send)


#: What is given out as a file: it may be large, and says how long it is.
_FILE = re.compile(r"/(download|export|raw|content)$")
