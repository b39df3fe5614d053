"""The stream that tells open pages of changes (`api.live`), and the numbers beside the navigation."""

import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from api.deps import ClockDep, DatabaseDep, LiveDep, MemoryDep
from api.formats import Locale
from api.live import Live
from api.pages.deps import PageUser
from api.rendering import locale_of
from common.clock import Clock
from common.db.errors import is_away
from common.db.session import Database
from common.db.wakeup import Topic
from common.services import overview
from common.services.memory import Memory

router = APIRouter(prefix="/ui", include_in_schema=False)
_TYPE = "text/event-stream"
#: Topics after which the numbers may be others.
_COUNTED = {Topic.ENDED, Topic.SCHEDULES, Topic.QUEUE}


@router.get("/events")
async def events(
    request: Request, user: PageUser, live: LiveDep, database: DatabaseDep, clock: ClockDep, memory: MemoryDep
) -> Response:
    """Hints for one window until it is closed. What does not ask for a stream is told the numbers, once."""
    locale = locale_of(request)
    if _TYPE not in request.headers.get("accept", ""):
        return Response(await _counts(database, clock, memory, locale), media_type=_TYPE)
    if live.is_full(user.user_id):
        return Response(status_code=204)  # the browser does not ask again
    stream = _told(live, user.user_id, database, clock, memory, locale)
    return StreamingResponse(stream, media_type=_TYPE, headers={"X-Accel-Buffering": "no"})


async def _told(
    live: Live, user_id: int, database: Database, clock: Clock, memory: Memory, locale: Locale
) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    first = True
    async for topics in live.topics(user_id):
        if topics:
            yield f"event: change\ndata: {' '.join(sorted(topics))}\n\n"
        elif not first:
            yield ": here\n\n"
        if first or topics & _COUNTED:
            yield await _counts(database, clock, memory, locale)
        first = False


async def _counts(database: Database, clock: Clock, memory: Memory, locale: Locale) -> str:
    """The numbers as an event; a database that is away for a moment has none to tell."""
    try:
        async with database.read() as session:
            found = await overview.counts(session, memory, now=await clock.now(session))
    except Exception as error:
        if not is_away(error):
            raise
        return ": away\n\n"
    told = {name: {"text": locale.number(count), "shown": True} for name, count in found.items()}
    needs = found["needs"]
    said = locale.ngettext("%(n)s thing needs you", "%(n)s things need you", needs)
    told["needs"] = {"text": locale.number(needs), "shown": needs > 0, "said": said}
    return f"event: counts\ndata: {json.dumps(told)}\n\n"
