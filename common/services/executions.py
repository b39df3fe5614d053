"""Executions: look at one, stop one."""

from datetime import datetime

from common.db.session import ReadSession, WriteSession
from common.db.types import Record
from common.db.wakeup import notify
from common.domain.permissions import Right
from common.domain.states import Status
from common.errors import Forbidden, NotFound
from common.queries import executions as queries
from common.queue import cancel
from common.queue.transitions import E
from common.services import audit, tasks
from common.services.audit import Thing


async def get(
    session: ReadSession, execution_id: int, need: Right = Right.VIEW, *, task_id: int | None = None
) -> Record:
    """One execution without its output; raises NotFound, also when it is not one of `task_id`, and Forbidden."""
    found = await queries.head(session, execution_id, need)
    if found is None or (task_id is not None and found.task_id != task_id):
        raise NotFound("There is no execution {id}.", id=execution_id)
    if not found.allowed:
        raise Forbidden("You may look at this task, but not do this with it. Ask its owner, or an administrator.")
    return found


async def stop(session: WriteSession, execution_id: int, *, by: str, now: datetime) -> Status | None:
    """Stop one execution; returns the state it was found in, None when it had ended. Raises NotFound."""
    row = await get(session, execution_id, Right.RUN)
    found = await cancel.request_stop(session, [E.c.id == execution_id], by=by, now=now)
    thing = Thing("execution", execution_id, row.task_name)
    await audit.record(session, "execution.stop", thing, now=now, details={"task": row.task_id})
    await notify(session)
    return found.get(execution_id)


async def text_of(session: ReadSession, execution: Record) -> tuple[str, str]:
    """Stdout and stderr as text: what is recorded, or while it runs what has come so far."""
    if execution.status != Status.RUNNING:
        stdout, stderr = await queries.output(session, execution.id)
        return stdout or "", stderr or ""
    pieces = await queries.pieces(session, execution.id, execution.token)
    streams = {"o": b"", "e": b""}
    for piece in pieces:
        streams[piece.stream] += piece.data
    return readable(streams["o"]), readable(streams["e"])


async def bytes_of(session: ReadSession, execution: Record, stream: str) -> bytes:
    """One stream ("o" or "e") byte by byte as the program wrote it, as far as it was kept."""
    pieces = await queries.pieces(session, execution.id, execution.token)
    if pieces:
        return b"".join(piece.data for piece in pieces if piece.stream == stream)
    stdout, stderr = await queries.output(session, execution.id)
    return ((stdout if stream == "o" else stderr) or "").encode()


def readable(data: bytes) -> str:
    """Bytes as text that every database can store: invalid UTF-8 replaced, NUL made visible."""
    return data.decode("utf-8", "replace").replace("\x00", "\u2400")


async def of_task(session: ReadSession, task_id: int, execution_id: int | None) -> Record | None:
    """An execution of the task: by id (raises NotFound), else the newest that has begun; None when none has."""
    await tasks.get(session, task_id)
    if execution_id is None:
        execution_id = await queries.newest(session, task_id, started=True)
    return None if execution_id is None else await get(session, execution_id, task_id=task_id)
