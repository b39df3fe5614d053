"""What somebody may see and do, as a condition on `tasks`: checked in the query, so what is not theirs is not there.

Every query that shows or changes tasks, or what belongs to tasks, takes its condition from here (ADR 0010). There are
two forms of one rule, because databases need two: for lists the shared ids are one set, made once and then only asked
(a look for each of 100,000 tasks took three times as long); for one task a look by index (the set took 200 ms).
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, Table, false, func, or_, select, true

from common.db.models import Task, TaskShare, TeamMember, table_of
from common.db.session import ReadSession
from common.domain.permissions import Actor, Right, may_change, most, sees_all
from common.domain.variables import EVERYONE

T = table_of(Task)
H = table_of(TaskShare)
M = table_of(TeamMember)


def listed(session: ReadSession, need: Right = Right.VIEW) -> ColumnElement[bool]:
    """The condition on `tasks` of a list: those on which whom the session speaks for has this right."""
    return _granted(session, need, one=False)


def permitted(session: ReadSession, need: Right = Right.VIEW) -> ColumnElement[bool]:
    """The same for a statement that names the task by its id."""
    return _granted(session, need, one=True)


def _granted(session: ReadSession, need: Right, *, one: bool) -> ColumnElement[bool]:
    actor = session.actor
    limit = most(actor)
    if sees_all(actor):
        return true()
    if actor.user_id is None or limit is None or need > limit:
        return false()
    mine = T.c.owner_id == actor.user_id
    if need is Right.OWN:
        return mine
    return or_(mine, _look(actor.user_id, need) if one else T.c.id.in_(_set(actor.user_id, need)))


def _look(user_id: int, need: Right) -> ColumnElement[bool]:
    teams = select(M.c.team_id).where(M.c.user_id == user_id)
    shared = select(H.c.id).where(H.c.task_id == T.c.id, H.c.level >= need)
    return shared.where(or_(H.c.user_id == user_id, H.c.team_id.in_(teams))).exists()


def _set(user_id: int, need: Right) -> Select[int]:
    direct = select(H.c.task_id).where(H.c.user_id == user_id, H.c.level >= need)
    by_team = select(H.c.task_id).join(M, M.c.team_id == H.c.team_id)
    both = direct.union_all(by_team.where(M.c.user_id == user_id, H.c.level >= need)).subquery()
    return select(both.c.task_id)


async def shared_rights(session: ReadSession, task_ids: Sequence[int]) -> dict[int, Right]:
    """The most that each of these tasks is shared for with whom the session speaks for; those not shared are absent."""
    user_id = session.actor.user_id
    if user_id is None or sees_all(session.actor) or not task_ids:
        return {}
    teams = select(M.c.team_id).where(M.c.user_id == user_id)
    rows = await session.execute(
        select(H.c.task_id, func.max(H.c.level))
        .where(H.c.task_id.in_(task_ids), or_(H.c.user_id == user_id, H.c.team_id.in_(teams)))
        .group_by(H.c.task_id)
    )
    return {task_id: Right(level) for task_id, level in rows}


def may_use(actor: Actor, table: Table) -> ColumnElement[bool]:
    """The condition that `actor` may see a row of `table` and give it to tasks: `domain.variables.may_use`, in SQL.

    For what is somebody's or everyone's (`scope`, `owner_id`): variables, programs, data sources, uploads.
    """
    if sees_all(actor):
        return true()
    if not may_change(actor.role):
        return false()
    return or_(table.c.scope == EVERYONE, table.c.owner_id == actor.user_id)
