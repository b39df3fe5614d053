"""One's own account: profile, API keys, sign-ins, second factor. Whoever asks must have signed in; keys may not."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from api.auth import require_person, require_settled
from api.deps import ClockDep, DatabaseDep, PersonDep, ReadDep, ReadNow, SettingsDep, WriteDep, WriteNow
from api.schemas.tasks import Deleted
from api.schemas.users import IdentityOut, KeyOut, NewKeyOut, RecoveryCodes, SessionOut, TotpSecret, UserOut
from common.errors import NotFound
from common.security import totp
from common.services import account, apikeys, audit, identities, signin, users
from common.services.account import ProfilePatch
from common.services.apikeys import KeyInput
from common.services.inputs import Prose

router = APIRouter(prefix="/auth", tags=["auth"], dependencies=[Depends(require_person)])
#: Not before a password that must be changed is changed.
_settled = [Depends(require_settled)]
KeyId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the key.")]
IdentityId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the connection.")]
SessionId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="Id of the sign-in.")]


@router.patch("/me", dependencies=_settled)
async def update_me(data: ProfilePatch, user: PersonDep, session: WriteDep, now: WriteNow) -> UserOut:
    """Change your name and language."""
    return UserOut.of(await account.update_profile(session, user.user_id, data, now=now))


@router.get("/keys", dependencies=_settled)
async def list_keys(user: PersonDep, session: ReadDep) -> list[KeyOut]:
    """Your API keys, the newest first."""
    return [KeyOut.of(row) for row in await apikeys.of_user(session, user.user_id)]


@router.post("/keys", status_code=201, dependencies=_settled)
async def create_key(data: KeyInput, user: PersonDep, session: WriteDep, now: WriteNow) -> NewKeyOut:
    """Make an API key. Its text is in the answer, and nowhere else afterwards."""
    owner = await users.get(session, user.user_id)
    row, text = await apikeys.create(session, owner, data, now=now)
    return NewKeyOut.model_validate(KeyOut.values(row) | {"key": text})


@router.delete("/keys/{key_id}", dependencies=_settled)
async def delete_key(key_id: KeyId, user: PersonDep, session: WriteDep, now: WriteNow) -> Deleted:
    """Delete one of your API keys; it is good for nothing from now on."""
    await apikeys.revoke(session, user.user_id, key_id, now=now)
    return Deleted(id=key_id)


@router.get("/sessions")
async def list_sessions(user: PersonDep, session: ReadDep, now: ReadNow) -> list[SessionOut]:
    """Where you are signed in."""
    rows = await signin.sessions_of(session, user.user_id, now=now)
    return [SessionOut.model_validate({**row.model_dump(), "current": row.id == user.session_id}) for row in rows]


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(session_id: SessionId, user: PersonDep, session: WriteDep, now: WriteNow) -> None:
    """End one of your sign-ins."""
    if not await signin.end_one(session, user.user_id, session_id):
        raise NotFound("There is no such sign-in.")
    await audit.record(session, "signout", now=now)


@router.delete("/sessions", status_code=204)
async def end_other_sessions(user: PersonDep, session: WriteDep, now: WriteNow) -> None:
    """End all your sign-ins but this one."""
    ended = await signin.end_all(session, user.user_id, but=user.session_id)
    await audit.record(session, "signout", now=now, details={"others": ended})


class Proof(BaseModel):
    """Your password, again; whoever has none leaves it empty."""

    model_config = ConfigDict(extra="forbid")
    password: Prose = Field("", max_length=1024)


@router.get("/identities")
async def list_identities(user: PersonDep, session: ReadDep) -> list[IdentityOut]:
    """The sign-in services that your account is connected with."""
    found = await identities.identities_of(session, user.user_id)
    return [IdentityOut.model_validate(row.model_dump()) for row in found]


@router.delete("/identities/{identity_id}", status_code=204)
async def disconnect_identity(
    identity_id: IdentityId,
    data: Proof,
    user: PersonDep,
    database: DatabaseDep,
    clock: ClockDep,
    settings: SettingsDep,
) -> None:
    """Leave a sign-in service; your other sign-ins end. The only way in stays."""
    await account.disconnect(
        database,
        clock,
        user.user_id,
        identity_id,
        password=data.password,
        issuer=settings.oidc_issuer,
        session_id=user.session_id,
    )


class TotpSetup(Proof):
    """The secret as `POST /auth/totp` gave it, and a code that the app made of it."""

    secret: Prose = Field(max_length=64)
    code: Prose = Field(max_length=20)


@router.post("/totp")
async def new_totp(user: PersonDep) -> TotpSecret:
    """A fresh secret for an authenticator app. It counts once `PUT /auth/totp` shows a code made of it."""
    secret = totp.new_secret()
    return TotpSecret(secret=secret, address=totp.address(secret, user.username))


@router.put("/totp")
async def enable_totp(
    request: Request, data: TotpSetup, user: PersonDep, database: DatabaseDep, clock: ClockDep
) -> RecoveryCodes:
    """Switch the second factor on. Your other sign-ins end; the recovery codes are shown this once."""
    codes = await account.enable_second_factor(
        database,
        clock,
        user.user_id,
        data.secret,
        data.code,
        password=data.password,
        keyring=request.app.state.keyring,
        session_id=user.session_id,
    )
    return RecoveryCodes(recovery_codes=codes)


@router.delete("/totp", status_code=204)
async def disable_totp(data: Proof, user: PersonDep, database: DatabaseDep, clock: ClockDep) -> None:
    """Switch the second factor off."""
    await account.disable_second_factor(database, clock, user.user_id, password=data.password)


@router.post("/totp/recovery-codes")
async def renew_recovery_codes(data: Proof, user: PersonDep, database: DatabaseDep, clock: ClockDep) -> RecoveryCodes:
    """New recovery codes in place of the old ones."""
    codes = await account.renew_recovery_codes(database, clock, user.user_id, password=data.password)
    return RecoveryCodes(recovery_codes=codes)
