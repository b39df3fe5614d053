"""What changed since a task last worked: its definition, its variables, where and by whom it was run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from common.db.models import Task
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.definition import Change, changes
from common.domain.states import UNWELL
from common.domain.variables import links
from common.errors import NotFound
from common.queries import executions as queries
from common.queries import trend, variables
from common.queries import versions as version_queries
from common.queries.trend import Streak
from common.services import definitions

#: What a version says of when and for whom, not of how it goes.
_ASIDE = ("name", "description", "tags", "max_history", "schedules")


@dataclass(frozen=True, slots=True)
class Since:
    """What came before a bad run and what is different from the last good one."""

    streak: Streak
    good: Record
    #: Versions that the two ran, where both are known.
    versions: tuple[int, int] | None = None
    changes: list[Change] = field(default_factory=list)
    #: Who changed the definition in between, the newest first: (name, when).
    authors: list[tuple[str, datetime]] = field(default_factory=list)
    variables: list[Record] = field(default_factory=list)
    other_worker: bool = False
    other_trigger: bool = False


async def last_good(session: ReadSession, execution: Record, task: Task, *, status: str) -> Since | None:
    """What changed since the last good run before `execution`, which ended (or its last attempt did) in `status`.

    None where nothing went wrong, or it has never worked.
    """
    if status not in UNWELL or execution.started_at is None:
        return None
    streak = await trend.before(session, execution.task_id, execution.id)
    good = await queries.head(session, streak.good) if streak else None
    if streak is None or good is None:
        return None
    between = (good.version, execution.version) if good.version and execution.version else None
    ids = [variable_id for variable_id, _ in links(task.spec)]
    return Since(
        streak,
        good,
        between,
        await _differing(session, task, between),
        await _authors(session, task, between),
        await variables.changed_between(session, ids, good.started_at or good.created_at, execution.started_at),
        other_worker=bool(good.worker_name and execution.worker_name and good.worker_name != execution.worker_name),
        other_trigger=good.trigger != execution.trigger,
    )


async def _differing(session: ReadSession, task: Task, between: tuple[int, int] | None) -> list[Change]:
    if between is None or between[0] == between[1]:
        return []
    try:
        before, after = [await definitions.get(session, task, number) for number in between]
    except NotFound:
        return []
    found = changes(before.definition, after.definition)
    return sorted(found, key=lambda change: change.field in _ASIDE)


async def _authors(session: ReadSession, task: Task, between: tuple[int, int] | None) -> list[tuple[str, datetime]]:
    if between is None or between[0] == between[1] or task.id is None:
        return []
    rows: Sequence[Record] = await version_queries.between(session, task.id, *between)
    return [(row.author, row.at) for row in rows]
