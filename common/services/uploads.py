"""Uploads: keep, list, delete, and give to tasks.

The file goes to the store before its row is written and leaves it after: whatever stops this in between leaves a file
that nobody sees, never a row without its file.
"""

import asyncio
import hashlib
import secrets
from datetime import datetime
from typing import IO

from sqlalchemy import select

from common.artifacts.store import Store, StoreError
from common.db.models import Upload
from common.db.session import Database, ReadSession, WriteSession
from common.db.types import Record
from common.domain.permissions import may_change, sees_all
from common.domain.programs import is_name
from common.domain.variables import EVERYONE, may_edit, may_use, scope_of
from common.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from common.i18n import N_
from common.queries import uploads as queries
from common.services import audit, references
from common.services.audit import Thing

_LONGEST = 255


class _Counted:
    """A file that counts and hashes what is read of it; raises Invalid beyond a limit."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._file, self._limit = file, limit
        self.size, self.hash = 0, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Some of it."""
        piece = self._file.read(size)
        self.size += len(piece)
        if self.size > self._limit:
            raise too_long(self._limit)
        self.hash.update(piece)
        return piece


def too_long(limit: int) -> Invalid:
    """What is said of a file with more bytes than may be uploaded."""
    return Invalid(N_("Must not be longer than {most} bytes."), field="file", most=f"{limit:,}")


async def get(session: ReadSession, upload_id: int) -> Record:
    """The upload; raises NotFound."""
    found = await queries.by_id(session, upload_id)
    if found is None:
        raise NotFound(N_("There is no upload {id}."), id=upload_id)
    return found


async def keep(
    database: Database, store: Store, file: IO[bytes], *, name: str, scope: str = "own", limit: int, now: datetime
) -> Record:
    """Keep a file; raises Invalid for its name or a file that is too long or empty, Forbidden, Unavailable."""
    called = name.replace("\\", "/").rpartition("/")[2].strip()
    if not called or len(called) > _LONGEST or not is_name(called):
        raise Invalid(N_('Must be a name for a file: without / \\ : * ? " < > |.'), field="name")
    actor = database.actor
    if not may_change(actor.role) or (scope == EVERYONE and not sees_all(actor)):
        raise Forbidden(N_("Only administrators keep files for everyone."))
    counted, key = _Counted(file, limit), f"uploads/{secrets.token_hex(16)}"
    try:
        await asyncio.to_thread(store.put, key, counted)  # type: ignore[arg-type]
    except StoreError:
        raise Unavailable(N_("The store of files does not answer. Try again later.")) from None
    try:
        if not counted.size:
            raise Invalid(N_("The file is empty."), field="file")
        async with database.write() as session:
            owner_id = None if scope == EVERYONE else actor.user_id
            row = Upload(
                name=called,
                scope=scope_of(owner_id),
                owner_id=owner_id,
                size=counted.size,
                sha256=counted.hash.hexdigest(),
                store_key=key,
                created_at=now,
                created_by=actor.name[:64],
            )
            session.add(row)
            await session.flush()
            await _note(session, "upload.create", row, now=now)
            assert row.id is not None
            return await get(session, row.id)
    except BaseException:
        await asyncio.to_thread(store.delete, key)
        raise


async def delete(session: WriteSession, upload_id: int, *, force: bool = False, now: datetime) -> str:
    """Delete an upload and say where the store has its file; raises NotFound, Forbidden, Conflict naming tasks."""
    row: Upload | None = await session.scalar(
        select(Upload).where(Upload.id == upload_id).with_for_update()  # type: ignore[arg-type]
    )
    if row is None or not may_use(session.actor, scope=row.scope, owner_id=row.owner_id):
        raise NotFound(N_("There is no upload {id}."), id=upload_id)
    if not may_edit(session.actor, owner_id=row.owner_id):
        raise Forbidden(N_("Only administrators keep files for everyone."))
    used, names = await references.told(session, "upload", upload_id)
    if used and not force:
        raise Conflict(N_("{count} tasks read this file: {names}. Change them first."), count=used, names=names)
    await _note(session, "upload.delete", row, now=now, tasks=used)
    await session.delete(row)
    await session.flush()
    return row.store_key


async def _note(session: WriteSession, action: str, row: Upload, *, now: datetime, **more: audit.Detail) -> None:
    details = {"scope": row.scope, "size": row.size, **more}
    await audit.record(session, action, Thing("upload", row.id, row.name), now=now, details=details)
