"""Files for people to keep: never shown by the browser as a page of ours."""

import re
from urllib.parse import quote

from fastapi.responses import Response

_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')


def attachment(data: bytes, name: str, *, media_type: str = "text/plain; charset=utf-8") -> Response:
    """A download called `name`, Chinese names included (RFC 6266)."""
    name = _UNSAFE.sub("_", name).strip(" .") or "output.log"
    plain = name.encode("ascii", "ignore").decode().strip(" .-_") or "output.log"
    return Response(
        data,
        media_type=media_type,
        headers={
            "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )
