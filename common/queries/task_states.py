"""Which tasks show which state: the rule of `domain.states.task_state`, in SQL.

The few that failed last, run or wait are looked for among the executions, once for a page; what is asked of tasks then
names them by id. Where there are too many to be named the statements look for them again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, case, exists, false, func, literal_column, not_, or_, select

from common.db.models import Execution, Task, table_of
from common.db.session import ReadSession
from common.domain.states import UNWELL, Status, TaskState

E = table_of(Execution)
T = table_of(Task)

#: What ran and ended: skipped and missed ones say nothing about how the task is.
RAN = tuple(sorted({Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED, Status.LOST}))
PENDING = (Status.QUEUED, Status.WAITING)
#: In the order in which somebody wants to see them: what `States.rank` says.
RANKS = (TaskState.FAILED, TaskState.RUNNING, TaskState.PENDING)
_NAMED = 5_000

Ids = Sequence[int] | Select[int]


@dataclass(frozen=True, slots=True)
class States:
    """The tasks that are something special: ids, or a statement that finds them."""

    failed: Ids = ()
    running: Ids = ()
    pending: Ids = ()

    def special(self) -> ColumnElement[bool]:
        """The condition that a task failed last, runs or waits."""
        failed = and_(_among(self.failed), T.c.enabled.is_(True))
        if isinstance(self.failed, Select) or isinstance(self.running, Select) or isinstance(self.pending, Select):
            return or_(failed, _among(self.running), _among(self.pending))
        # One list: of several joined by OR no database makes a look by id.
        ids = sorted({*self.failed, *self.running, *self.pending})
        at_work = sorted({*self.running, *self.pending})
        return and_(_among(ids), or_(T.c.enabled.is_(True), _among(at_work)))

    def rank(self) -> ColumnElement[int]:
        """Of a special task the place of its state in RANKS."""
        return case((_among(self.running), 1), (_among(self.pending), 2), else_=0)

    def showing(self, state: TaskState) -> ColumnElement[bool]:
        """The condition that a task shows `state`."""
        running, pending, failed = _among(self.running), _among(self.pending), _among(self.failed)
        match state:
            case TaskState.RUNNING:
                return running
            case TaskState.PENDING:
                return and_(pending, not_(running))
            case TaskState.PAUSED:
                return and_(T.c.enabled.is_(False), not_(running), not_(pending))
            case TaskState.FAILED:
                return and_(failed, T.c.enabled.is_(True), not_(running), not_(pending))
            case TaskState.ACTIVE:
                return and_(T.c.enabled.is_(True), not_(running), not_(pending), not_(failed))


def _among(ids: Ids) -> ColumnElement[bool]:
    return T.c.id.in_(ids) if isinstance(ids, Select) or ids else false()


async def read_states(session: ReadSession, *, failed: bool = True) -> States:
    """Look for the tasks that run or wait, and if wanted those that failed last, whosever they are."""
    return States(
        failed=await _named(session, _failed_last()) if failed else (),
        running=await _named(session, _active(Status.RUNNING)),
        pending=await _named(session, _active(*PENDING)),
    )


async def _named(session: ReadSession, statement: Select[int]) -> Ids:
    ids = list(await session.scalars(statement.limit(_NAMED + 1)))
    return ids if len(ids) <= _NAMED else statement


def _active(*statuses: Status) -> Select[int]:
    return select(E.c.task_id).where(E.c.status.in_(statuses)).distinct()


def _failed_last() -> Select[int]:
    """Tasks whose newest run went wrong: of those that ever did, the ones after which nothing ran that did not."""
    worst = (
        select((E.c.task_id + literal_column("0")).label("task_id"), func.max(E.c.id).label("id"))
        .where(E.c.status.in_(sorted(UNWELL)))
        # Not by the bare column: SQLite would read all there is in the order of its index, to spare the sorting.
        .group_by(E.c.task_id + literal_column("0"))
        .subquery()
    )
    later = E.alias("later")
    mended = exists().where(
        later.c.task_id == worst.c.task_id,
        later.c.id > worst.c.id,
        later.c.status.in_(sorted(set(RAN) - UNWELL)),
    )
    return select(worst.c.task_id).where(~mended)
