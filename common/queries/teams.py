"""Reading teams, their members, and what tasks are shared with whom."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, or_, select, true

from common.db.models import TaskShare, Team, TeamMember, User, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.permissions import sees_all

G = table_of(Team)
M = table_of(TeamMember)
H = table_of(TaskShare)
U = table_of(User)


def _theirs(session: ReadSession) -> ColumnElement[bool]:
    """Administrators see all teams, others those they are in."""
    if sees_all(session.actor):
        return true()
    return G.c.id.in_(select(M.c.team_id).where(M.c.user_id == session.actor.user_id))


async def page(session: ReadSession, *, page: int, page_size: int) -> tuple[list[Team], int]:
    """One page of the teams that whoever asks may see, by name, and how many there are."""
    total = await session.scalar(select(func.count()).select_from(G).where(_theirs(session)))
    rows = await session.scalars(
        select(Team).where(_theirs(session)).order_by(G.c.name_key).limit(page_size).offset((page - 1) * page_size)
    )
    return list(rows), total or 0


async def by_id(session: ReadSession, team_id: int) -> Team | None:
    """One team, if whoever asks may see it."""
    found: Team | None = await session.scalar(select(Team).where(G.c.id == team_id, _theirs(session)))
    return found


async def by_names(session: ReadSession, names: Sequence[str]) -> dict[str, int]:
    """Ids of the teams of these names that whoever asks may see, by the lower-case name."""
    keys = [name.casefold() for name in names]
    rows = await session.execute(select(G.c.name_key, G.c.id).where(G.c.name_key.in_(keys), _theirs(session)))
    return {row.name_key: row.id for row in rows}


async def members(session: ReadSession, team_ids: Sequence[int]) -> dict[int, list[str]]:
    """User names of the members of each of these teams, sorted."""
    found: dict[int, list[str]] = {team_id: [] for team_id in team_ids}
    rows = await session.execute(
        select(M.c.team_id, U.c.username)
        .join(U, U.c.id == M.c.user_id)
        .where(M.c.team_id.in_(team_ids))
        .order_by(U.c.username_key)
    )
    for team_id, username in rows:
        found[team_id].append(username)
    return found


async def users_by_name(session: ReadSession, names: Sequence[str]) -> dict[str, int]:
    """Ids of the active users of these names, by the lower-case name."""
    keys = [name.casefold() for name in names]
    rows = await session.execute(
        select(U.c.username_key, U.c.id).where(U.c.username_key.in_(keys), U.c.is_active.is_(True))
    )
    return {row.username_key: row.id for row in rows}


async def colleagues(session: ReadSession, *, limit: int = 200) -> list[str]:
    """Names to offer: of everybody to administrators, to others of those in a team with them."""
    wanted = select(U.c.username).where(U.c.is_active.is_(True), U.c.id != (session.actor.user_id or 0))
    if not sees_all(session.actor):
        mine = select(M.c.team_id).where(M.c.user_id == session.actor.user_id)
        wanted = wanted.where(U.c.id.in_(select(M.c.user_id).where(M.c.team_id.in_(mine))))
    return list(await session.scalars(wanted.order_by(U.c.username_key).limit(limit)))


async def shares(session: ReadSession, task_id: int) -> list[Record]:
    """With whom a task is shared: user or team (the other is None) and level; users first, by name."""
    rows = await session.execute(
        select(U.c.username.label("user"), G.c.name.label("team"), H.c.level)
        .select_from(H.outerjoin(U, U.c.id == H.c.user_id).outerjoin(G, G.c.id == H.c.team_id))
        .where(H.c.task_id == task_id, or_(U.c.id.is_not(None), G.c.id.is_not(None)))
        .order_by(H.c.team_id.is_not(None), U.c.username_key, G.c.name_key)
    )
    return list(rows)
