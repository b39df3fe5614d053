"""Static files: compressed, and kept for ever when the URL names the content's hash (`rendering.static_url`)."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from common.paths import STATIC


class HashedStaticFiles(StaticFiles):
    """Serves the files of `static/` with the right life."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        named = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if named else "no-cache"
        return response


def static_files() -> ASGIApp:
    """What is mounted at /static, compressed."""
    return GZipMiddleware(HashedStaticFiles(directory=STATIC), minimum_size=1000)
