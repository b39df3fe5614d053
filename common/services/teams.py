"""Teams: people whom tasks are shared with together. Administrators make them; members see theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError

from common.db.models import Team
from common.db.session import ReadSession, WriteSession
from common.errors import Conflict, Invalid, NotFound
from common.queries import teams as queries
from common.queries.teams import M
from common.services import audit
from common.services.audit import Thing
from common.services.inputs import Name, Prose

Member = Annotated[Prose, Field(max_length=64)]


class TeamInput(BaseModel):
    """A team: its name, and its members by user name."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[Name, Field(max_length=100)] = Field(examples=["报表组"])
    members: list[Member] = Field(default_factory=list, max_length=1000, description="User names.")


class TeamPatch(TeamInput):
    """What to change of a team; `members`, when given, are all its members from now on."""

    name: Annotated[Name, Field(max_length=100)] | None = None  # type: ignore[assignment]
    members: list[Member] | None = Field(None, max_length=1000)  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class TeamView:
    """A team with the names of its members."""

    id: int
    name: str
    members: list[str]
    created_at: datetime


async def list_page(session: ReadSession, *, page: int, page_size: int) -> tuple[list[TeamView], int]:
    """One page of the teams that whoever asks may see, and how many there are."""
    rows, total = await queries.page(session, page=page, page_size=page_size)
    return await _views(session, rows), total


async def view(session: ReadSession, team_id: int) -> TeamView:
    """The team, if whoever asks is an administrator or in it; raises NotFound."""
    return (await _views(session, [await _get(session, team_id)]))[0]


async def _get(session: ReadSession, team_id: int) -> Team:
    found = await queries.by_id(session, team_id)
    if found is None:
        raise NotFound("There is no team {id}.", id=team_id)
    return found


async def _views(session: ReadSession, rows: Sequence[Team]) -> list[TeamView]:
    members = await queries.members(session, [row.id for row in rows if row.id is not None])
    return [TeamView(row.id, row.name, members[row.id], row.created_at) for row in rows if row.id is not None]


async def create(session: WriteSession, data: TeamInput, *, now: datetime) -> TeamView:
    """Store a new team; raises Invalid naming the field, Conflict when the name is taken."""
    row = Team(name=data.name, name_key="", created_at=now)
    await _store(session, row, name=data.name)
    assert row.id is not None
    await _set_members(session, row.id, data.members)
    await audit.record(
        session, "team.create", Thing("team", row.id, row.name), now=now, details={"members": data.members}
    )
    return await view(session, row.id)


async def update(session: WriteSession, team_id: int, patch: TeamPatch, *, now: datetime) -> TeamView:
    """Change name or members; raises NotFound, Invalid, Conflict."""
    row = await _get(session, team_id)
    if patch.name is not None:
        await _store(session, row, name=patch.name)
    if patch.members is not None:
        await session.execute(delete(M).where(M.c.team_id == team_id))
        await _set_members(session, team_id, patch.members)
    details = {"members": patch.members} if patch.members is not None else {}
    await audit.record(session, "team.update", Thing("team", team_id, row.name), now=now, details=details)
    return await view(session, team_id)


async def remove(session: WriteSession, team_id: int, *, now: datetime) -> None:
    """Delete a team; what was shared with it is not any more. Raises NotFound."""
    row = await _get(session, team_id)
    await audit.record(session, "team.delete", Thing("team", team_id, row.name), now=now)
    await session.delete(row)


async def _store(session: WriteSession, row: Team, *, name: str) -> None:
    try:
        async with session.begin_nested():
            # Within the savepoint: beginning one flushes what is pending, and then the whole transaction is broken.
            row.name, row.name_key = name, name.casefold()
            session.add(row)
    except IntegrityError:
        raise Conflict("The team {name} exists already.", field="name", name=name) from None


async def _set_members(session: WriteSession, team_id: int, names: Sequence[str]) -> None:
    found = await queries.users_by_name(session, names)
    for name in names:
        if name.casefold() not in found:
            raise Invalid("There is no user {name}.", field="members", name=name)
    if found:
        await session.execute(insert(M), [{"team_id": team_id, "user_id": each} for each in found.values()])
