"""Files for people to keep: never shown by the browser as a page of ours."""

import re
from collections.abc import AsyncIterable
from urllib.parse import quote

import structlog
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from common.artifacts.store import Missing, Store, StoreError
from common.db.types import Record
from common.errors import NotFound, Unavailable
from common.i18n import N_

log = structlog.get_logger()
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')


def attachment(
    data: bytes | AsyncIterable[bytes], name: str, *, media_type: str = "text/plain; charset=utf-8"
) -> Response:
    """A download called `name`, Chinese names included (RFC 6266); what comes in parts is sent as it comes."""
    headers = _headers(name, "output.log")
    if isinstance(data, bytes):
        return Response(data, media_type=media_type, headers=headers)
    return StreamingResponse(data, media_type=media_type, headers=headers)


async def stored(store: Store, artifact: Record) -> Response:
    """A file out of the store, piece by piece; raises NotFound when it is not there, Unavailable."""
    try:
        pieces = await run_in_threadpool(store.open, artifact.store_key)
    except Missing:
        log.error("file missing in the store", artifact=artifact.id, place=store.place)
        raise NotFound(N_("This machine's store does not have the file. Its log says more.")) from None
    except StoreError as error:
        log.error("store does not answer", artifact=artifact.id, error=str(error))
        raise Unavailable(N_("The store of files does not answer. Try again later.")) from None
    name = artifact.name.rpartition("/")[2]
    headers = {**_headers(name, "file"), "Content-Length": str(artifact.size), "ETag": f'"{artifact.sha256}"'}
    return StreamingResponse(pieces, media_type=artifact.media_type, headers=headers)


def _headers(name: str, otherwise: str) -> dict[str, str]:
    """What makes an answer a download called `name` (RFC 6266), or `otherwise` where nothing of it can be kept."""
    name = _UNSAFE.sub("_", name).strip(" .") or otherwise
    plain = _plain(name) or otherwise
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }


def _plain(name: str) -> str:
    """What of a name every browser understands."""
    return name.encode("ascii", "ignore").decode().strip(" .-_")
