"""Teams: administrators make them, members see theirs."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.access import FOR_ADMINISTRATORS, administrators
from api.deps import ReadDep, WriteDep, WriteNow
from api.schemas.base import Answer, Instant, Page, PageNumber, PageSize
from api.schemas.tasks import Deleted
from common.services import teams
from common.services.teams import TeamInput, TeamPatch

router = APIRouter(prefix="/teams", tags=["teams"])
TeamId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the team.")]


class TeamOut(Answer):
    """A team and its members by user name."""

    id: int
    name: str
    members: list[str]
    created_at: Instant


@router.get("")
async def list_teams(session: ReadDep, page: PageNumber = 1, page_size: PageSize = 50) -> Page[TeamOut]:
    """List teams by name: all to administrators, to others those they are in."""
    found, total = await teams.list_page(session, page=page, page_size=page_size)
    items = [TeamOut.model_validate(each) for each in found]
    return Page[TeamOut].of(items, total=total, page=page, page_size=page_size)


@router.post("", status_code=201, dependencies=[administrators], openapi_extra=FOR_ADMINISTRATORS)
async def create_team(data: TeamInput, session: WriteDep, now: WriteNow) -> TeamOut:
    """Create a team."""
    return TeamOut.model_validate(await teams.create(session, data, now=now))


@router.get("/{team_id}")
async def get_team(team_id: TeamId, session: ReadDep) -> TeamOut:
    """One team."""
    return TeamOut.model_validate(await teams.view(session, team_id))


@router.patch("/{team_id}", dependencies=[administrators], openapi_extra=FOR_ADMINISTRATORS)
async def update_team(team_id: TeamId, data: TeamPatch, session: WriteDep, now: WriteNow) -> TeamOut:
    """Change name or members; `members`, when given, are all its members from now on."""
    return TeamOut.model_validate(await teams.update(session, team_id, data, now=now))


@router.delete("/{team_id}", dependencies=[administrators], openapi_extra=FOR_ADMINISTRATORS)
async def delete_team(team_id: TeamId, session: WriteDep, now: WriteNow) -> Deleted:
    """Delete a team. What was shared with it is its members' no more."""
    await teams.remove(session, team_id, now=now)
    return Deleted(id=team_id)
