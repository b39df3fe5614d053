"""What every answer carries and every request must keep to: security headers, limits."""

from starlette.datastructures import Headers, MutableHeaders
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


class RequestLimits:
    """Refuses requests with more headers than anybody needs, or a body said to be larger than `max_body` bytes.

    How long the headers are together the server limits; a body that does not say its size is counted as it comes.
    """

    def __init__(self, app: ASGIApp, max_body: int) -> None:
        self._app, self._max_body = app, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            length = Headers(scope=scope).get("content-length", "")
            if len(scope["headers"]) > MOST_HEADERS:
                await self._refuse(431, N_("The request has more headers than Rota takes."), scope, receive, send)
                return
            if length.isdecimal() and int(length) > self._max_body:
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
