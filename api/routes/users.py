"""People, for administrators: list, create, change, disable, delete, and what they sign in with."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from api.access import FOR_ADMINISTRATORS, administrators
from api.deps import ClockDep, DatabaseDep, ReadDep, WriteDep, WriteNow
from api.invitations import invitation_url
from api.schemas.base import Page, PageNumber, PageSize, Search
from api.schemas.tasks import Deleted
from api.schemas.users import InvitationOut, KeyOut, NewUserOut, UserOut
from common.queries import users as queries
from common.queries.users import UserQuery
from common.services import apikeys, people, second_factor, users
from common.services.users import Role, UserInput, UserPatch

router = APIRouter(prefix="/users", tags=["users"], dependencies=[administrators])
UserId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the user.")]
KeyId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the key.")]


@router.get("", openapi_extra=FOR_ADMINISTRATORS)
async def list_users(
    session: ReadDep,
    search: Search = "",
    role: Role | None = None,
    is_active: bool | None = None,
    page: PageNumber = 1,
    page_size: PageSize = 50,
) -> Page[UserOut]:
    """Users by name; `search` looks in user name, name and e-mail address."""
    rows, total = await queries.page(session, UserQuery(search, role or "", is_active, page, page_size))
    return Page[UserOut].of([UserOut.of(row) for row in rows], total=total, page=page, page_size=page_size)


@router.post("", status_code=201, openapi_extra=FOR_ADMINISTRATORS)
async def create_user(request: Request, data: UserInput, database: DatabaseDep, clock: ClockDep) -> NewUserOut:
    """Create a user. Without a password the answer has a one-time link with which they choose one."""
    user, token = await people.create(database, clock, data)
    link = invitation_url(request, token) if token else None
    return NewUserOut.model_validate(UserOut.values(user) | {"invitation_url": link})


@router.get("/{user_id}", openapi_extra=FOR_ADMINISTRATORS)
async def get_user(user_id: UserId, session: ReadDep) -> UserOut:
    """One user."""
    return UserOut.of(await users.get(session, user_id))


@router.patch("/{user_id}", openapi_extra=FOR_ADMINISTRATORS)
async def update_user(user_id: UserId, data: UserPatch, database: DatabaseDep, clock: ClockDep) -> UserOut:
    """Change the given fields. Another role, a new password or being disabled ends every sign-in of theirs."""
    return UserOut.of(await people.change(database, clock, user_id, data))


@router.delete("/{user_id}", openapi_extra=FOR_ADMINISTRATORS)
async def delete_user(user_id: UserId, session: WriteDep, now: WriteNow) -> Deleted:
    """Delete a user who owns no tasks; disable the others."""
    await users.remove(session, user_id, now=now)
    return Deleted(id=user_id)


@router.post("/{user_id}/invitation", openapi_extra=FOR_ADMINISTRATORS)
async def invite_user(request: Request, user_id: UserId, session: WriteDep, now: WriteNow) -> InvitationOut:
    """A one-time link with which the user chooses a password; good for a week, and an earlier one is void."""
    token = await users.invite(session, await users.get(session, user_id), now=now)
    return InvitationOut(invitation_url=invitation_url(request, token), expires_at=now + users.INVITATION_LIFE)


@router.delete("/{user_id}/totp", status_code=204, openapi_extra=FOR_ADMINISTRATORS)
async def disable_user_totp(user_id: UserId, session: WriteDep, now: WriteNow) -> None:
    """Switch a user's second factor off, for somebody whose phone and recovery codes are gone."""
    await second_factor.disable(session, await users.get(session, user_id), now=now)


@router.delete("/{user_id}/sessions", status_code=204, openapi_extra=FOR_ADMINISTRATORS)
async def end_user_sessions(user_id: UserId, session: WriteDep, now: WriteNow) -> None:
    """End every sign-in of a user."""
    await people.sign_out(session, user_id, now=now)


@router.get("/{user_id}/keys", openapi_extra=FOR_ADMINISTRATORS)
async def list_user_keys(user_id: UserId, session: ReadDep) -> list[KeyOut]:
    """The API keys of a user, without their texts."""
    user = await users.get(session, user_id)
    return [KeyOut.of(row) for row in await apikeys.of_user(session, user.id or 0)]


@router.delete("/{user_id}/keys/{key_id}", openapi_extra=FOR_ADMINISTRATORS)
async def delete_user_key(user_id: UserId, key_id: KeyId, session: WriteDep, now: WriteNow) -> Deleted:
    """Delete an API key of a user."""
    await apikeys.revoke(session, user_id, key_id, now=now)
    return Deleted(id=key_id)
