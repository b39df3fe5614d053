"""What routes are given: sessions, clock, settings, the person who asks."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from api.access import database_of
from api.auth import Principal, require_person, require_user
from api.live import Live
from common.artifacts.store import Store
from common.clock import Clock
from common.config import Settings
from common.db.session import Database, ReadSession, WriteSession
from common.security.encryption import Keyring
from common.services.memory import Memory


def settings(request: Request) -> Settings:
    """The settings this application was built with."""
    found: Settings = request.app.state.settings
    return found


def database(request: Request) -> Database:
    """The database on behalf of whoever asks, for the few routes that need more than one transaction."""
    return database_of(request)


def clock(request: Request) -> Clock:
    """The clock."""
    found: Clock = request.app.state.clock
    return found


def keyring(request: Request) -> Keyring:
    """The keys that seal secrets."""
    found: Keyring = request.app.state.keyring
    return found


def memory(request: Request) -> Memory:
    """What this process remembers for a while."""
    found: Memory = request.app.state.memory
    return found


def live(request: Request) -> Live:
    """The streams that tell open pages of changes."""
    found: Live = request.app.state.live
    return found


def signing_key(request: Request) -> str:
    """The key that signs tokens and links."""
    found: str = request.app.state.signing_key
    return found


def store(request: Request) -> Store:
    """The store of files."""
    found: Store = request.app.state.store
    return found


DatabaseDep = Annotated[Database, Depends(database)]
ClockDep = Annotated[Clock, Depends(clock)]
SettingsDep = Annotated[Settings, Depends(settings)]
KeyringDep = Annotated[Keyring, Depends(keyring)]
MemoryDep = Annotated[Memory, Depends(memory)]
LiveDep = Annotated[Live, Depends(live)]
StoreDep = Annotated[Store, Depends(store)]
SigningKeyDep = Annotated[str, Depends(signing_key)]


async def _read(database: DatabaseDep) -> AsyncIterator[ReadSession]:
    async with database.read() as session:
        yield session


async def _write(request: Request, database: DatabaseDep) -> AsyncIterator[WriteSession]:
    try:
        async with database.write() as session:
            yield session
    finally:
        memory(request).written()


# Function scope: the commit happens before the answer leaves. By default FastAPI tears down after it, and a commit
# that fails there has already told the client that all is well (architecture.md, 4).
ReadDep = Annotated[ReadSession, Depends(_read, scope="function")]
WriteDep = Annotated[WriteSession, Depends(_write, scope="function")]


async def _now_read(session: ReadDep, clock: ClockDep) -> datetime:
    return await clock.now(session)


async def _now_write(session: WriteDep, clock: ClockDep) -> datetime:
    return await clock.now(session)


#: The database's now, read in the request's own session.
ReadNow = Annotated[datetime, Depends(_now_read)]
WriteNow = Annotated[datetime, Depends(_now_write)]

UserDep = Annotated[Principal, Depends(require_user)]
#: Somebody who signed in, not a key.
PersonDep = Annotated[Principal, Depends(require_person)]
