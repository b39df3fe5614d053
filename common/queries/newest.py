"""The newest executions of each of many tasks: one statement of many index seeks, as a window function would read every
execution of these tasks. It is built once for so many tasks: building it took longer than running it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Integer, Select, bindparam, or_, select, union_all

from common.db.models import Execution, table_of
from common.db.prepared import Prepared
from common.db.session import ReadSession
from common.domain.states import Status
from common.queries.task_states import RAN

E = table_of(Execution)
#: Tasks a statement; of fewer the next larger one is asked, of nobody in its last places.
_SIZES = (1, 6, 25, 50)
_NOBODY = -1


@dataclass(frozen=True, slots=True)
class Last:
    """One execution of a task, without its output."""

    id: int
    status: Status
    scheduled_for: datetime
    started_at: datetime | None
    finished_at: datetime | None
    exit_code: int | None
    error: str | None


_COLUMNS = (E.c.id, E.c.status, E.c.scheduled_for, E.c.started_at, E.c.finished_at, E.c.exit_code, E.c.error)


async def newest(
    session: ReadSession, task_ids: Sequence[int], *, limit: int = 20, ran: bool = False
) -> dict[int, list[Last]]:
    """Up to `limit` of each of these tasks, oldest first; `ran`: of those that ran and ended."""
    found: dict[int, list[Last]] = {task_id: [] for task_id in task_ids}
    wanted, most = list(found), _SIZES[-1]
    for start in range(0, len(wanted), most):
        part = wanted[start : start + most]
        size = next(size for size in _SIZES if size >= len(part))
        asked = {f"task_{n}": part[n] if n < len(part) else _NOBODY for n in range(size)}
        for task_id, id_, status, *rest in await _newest(size, ran=ran)(session, most=limit, **asked):
            found[task_id].append(Last(id_, Status(status), *rest))
    return found


@lru_cache
def _newest(size: int, *, ran: bool) -> Prepared:
    return Prepared(lambda dialect: _statement(size, ran=ran), lists=False)


def _statement(size: int, *, ran: bool) -> Select[int]:
    # Not IN (…): its parameters expand.
    ended = or_(*(E.c.status == bindparam(f"ran_{number}", status) for number, status in enumerate(RAN)))
    most = bindparam("most", type_=Integer())
    parts = []
    for number in range(size):
        where = [E.c.task_id == bindparam(f"task_{number}"), *([ended] if ran else [])]
        part = select(E.c.id).where(*where).order_by(E.c.id.desc()).limit(most).subquery()
        parts.append(select(part.c.id))
    ids = union_all(*parts).subquery()
    return select(E.c.task_id, *_COLUMNS).where(E.c.id.in_(select(ids.c.id))).order_by(E.c.id)
