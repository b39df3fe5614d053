"""Sharing a task with people and teams, and giving it to somebody else. Its owner does that, or an administrator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import delete, insert, select

from common.db.models import User
from common.db.session import ReadSession, WriteSession
from common.domain.permissions import SHARED, Right
from common.errors import Invalid
from common.i18n import N_
from common.queries import teams as queries
from common.queries.teams import H, U
from common.services import audit, tasks
from common.services.audit import Thing
from common.services.inputs import Prose, refuse

ShareRight = Literal["view", "run", "edit"]
_NAMES: dict[int, ShareRight] = {Right.VIEW: "view", Right.RUN: "run", Right.EDIT: "edit"}
WhoName = Annotated[Prose, Field(min_length=1, max_length=100)]


class ShareInput(BaseModel):
    """What one user, or one team, may do with the task: `edit` includes `run`, `run` includes `view`."""

    model_config = ConfigDict(extra="forbid")
    user: WhoName | None = Field(None, description="User name.", examples=["li"])
    team: WhoName | None = Field(None, description="Name of a team.", examples=[None])
    right: ShareRight = "view"

    @model_validator(mode="after")
    def _one_of_them(self) -> "ShareInput":
        if (self.user is None) == (self.team is None):
            raise refuse(N_("Name either a user or a team."))
        return self


class SharesInput(BaseModel):
    """Everybody whom the task is shared with from now on; whoever is not named has it no more."""

    model_config = ConfigDict(extra="forbid")
    shares: list[ShareInput] = Field(max_length=500)


class OwnerInput(BaseModel):
    """Who owns the task from now on."""

    model_config = ConfigDict(extra="forbid")
    owner: WhoName = Field(description="User name.", examples=["li"])


@dataclass(frozen=True, slots=True)
class Share:
    """What one user or one team may do; the other of the two is None."""

    user: str | None
    team: str | None
    right: ShareRight


@dataclass(frozen=True, slots=True)
class Sharing:
    """Who owns a task (None: administrators only), and whom it is shared with."""

    task_id: int
    task_name: str
    owner: str | None
    shares: list[Share]


async def of_task(session: ReadSession, task_id: int) -> Sharing:
    """Who has the task; raises NotFound, and Forbidden to those it is only shared with."""
    task = await tasks.get(session, task_id, Right.OWN)
    owner = await session.scalar(select(U.c.username).where(U.c.id == task.owner_id)) if task.owner_id else None
    rows = await queries.shares(session, task_id)
    return Sharing(task_id, task.name, owner, [Share(row.user, row.team, _NAMES[row.level]) for row in rows])


async def share(session: WriteSession, task_id: int, data: SharesInput, *, now: datetime) -> Sharing:
    """Share the task with these and nobody else; raises NotFound, Forbidden, Invalid naming the entry."""
    task = await tasks.lock_one(session, task_id, Right.OWN)
    rows = await _rows(session, task_id, data.shares)
    await session.execute(delete(H).where(H.c.task_id == task_id))
    if rows:
        await session.execute(insert(H), rows)
    told = [f"{each.user or each.team}: {each.right}" for each in data.shares]
    await audit.record(session, "task.share", Thing("task", task_id, task.name), now=now, details={"shares": told})
    return await of_task(session, task_id)


async def _rows(session: ReadSession, task_id: int, wanted: Sequence[ShareInput]) -> list[dict[str, int | None]]:
    """The rows to store. Whoever is named twice has the last word said of them; a team not one's own is none."""
    users = await queries.users_by_name(session, [each.user for each in wanted if each.user])
    teams = await queries.by_names(session, [each.team for each in wanted if each.team])
    found: dict[tuple[int | None, int | None], int] = {}
    for number, each in enumerate(wanted):
        user_id = users.get((each.user or "").casefold())
        team_id = teams.get((each.team or "").casefold())
        if each.user is not None and user_id is None:
            raise Invalid("There is no user {name}.", field=f"shares.{number}.user", name=each.user)
        if each.team is not None and team_id is None:
            raise Invalid("There is no team {name} of yours.", field=f"shares.{number}.team", name=each.team)
        found[user_id, team_id] = SHARED[each.right]
    return [
        {"task_id": task_id, "user_id": user_id, "team_id": team_id, "level": level}
        for (user_id, team_id), level in found.items()
    ]


async def give(session: WriteSession, task_id: int, username: str, *, now: datetime) -> None:
    """Give the task to somebody else, who must be active; raises NotFound, Forbidden, Invalid."""
    task = await tasks.lock_one(session, task_id, Right.OWN)
    found = await queries.users_by_name(session, [username])
    user = await session.get(User, found.get(username.casefold(), 0))
    if user is None or user.id is None:
        raise Invalid("There is no user {name}.", field="owner", name=username)
    task.owner_id, task.updated_at = user.id, now
    await session.execute(delete(H).where(H.c.task_id == task_id, H.c.user_id == user.id))
    thing = Thing("task", task_id, task.name)
    await audit.record(session, "task.owner", thing, now=now, details={"owner": user.username})
