"""Variables: values and secrets that tasks find in their environment."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.deps import KeyringDep, ReadDep, WriteDep, WriteNow
from api.schemas.base import Page, PageNumber, PageSize, Search
from api.schemas.tasks import Deleted
from api.schemas.variables import VariableOut
from common.queries import variables as queries
from common.services import variables
from common.services.variables import VariableInput, VariableUpdate

router = APIRouter(prefix="/variables", tags=["variables"])
VariableId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the variable.")]


@router.get("")
async def list_variables(
    session: ReadDep, search: Search = "", page: PageNumber = 1, page_size: PageSize = 50
) -> Page[VariableOut]:
    """Variables that you may give to tasks, by name: yours and everyone's, to administrators all. Never a secret."""
    rows, total = await queries.page(session, search=search, page=page, page_size=page_size)
    used = await queries.users_of(session)
    items = [VariableOut.of(row, used.get(row.id, [])) for row in rows]
    return Page[VariableOut].of(items, total=total, page=page, page_size=page_size)


@router.post("", status_code=201)
async def create_variable(data: VariableInput, session: WriteDep, keyring: KeyringDep, now: WriteNow) -> VariableOut:
    """Create a variable. A secret is encrypted, is never shown again, and is masked in the output of tasks."""
    return VariableOut.of(await variables.create(session, data, keyring=keyring, now=now), [])


@router.get("/{variable_id}")
async def get_variable(variable_id: VariableId, session: ReadDep) -> VariableOut:
    """One variable."""
    row = await variables.get(session, variable_id)
    return VariableOut.of(row, (await queries.users_of(session)).get(variable_id, []))


@router.put("/{variable_id}")
async def update_variable(
    variable_id: VariableId, data: VariableUpdate, session: WriteDep, keyring: KeyringDep, now: WriteNow
) -> VariableOut:
    """Change the fields that are given; without `value` it stays. What starts from now on gets the new one."""
    row = await variables.update(session, variable_id, data, keyring=keyring, now=now)
    return VariableOut.of(row, (await queries.users_of(session)).get(variable_id, []))


@router.delete("/{variable_id}")
async def delete_variable(
    variable_id: VariableId,
    session: WriteDep,
    now: WriteNow,
    force: Annotated[bool, Query(description="Also when tasks use it: their executions fail from now on.")] = False,
) -> Deleted:
    """Delete a variable that no task uses."""
    await variables.delete(session, variable_id, force=force, now=now)
    return Deleted(id=variable_id)
