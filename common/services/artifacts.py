"""Files of executions: who may have them, links that give them out, and their end.

A link is signed by Rota's signing key, which is not in the database, and a key of the file's own:
`/files/ID/EXPIRES/SIGNATURE` works until then, for whoever has it. A new key of either ends the links at once.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from common.db.session import ReadSession, WriteSession
from common.db.types import Record
from common.domain.permissions import Right
from common.errors import Forbidden, NotFound
from common.i18n import N_
from common.queries import artifacts as queries
from common.queries.artifacts import R
from common.services import audit
from common.services.audit import Thing

#: What is compared where there is nothing to compare with, so that an answer takes as long for any id.
_NO_KEY = secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a file: the path below Rota's address, and until when it works."""

    path: str
    expires_at: datetime


async def get(session: ReadSession, artifact_id: int, *, now: datetime, need: Right = Right.VIEW) -> Record:
    """The file, if whom the session speaks for may do this with its task; raises NotFound, Forbidden."""
    row = await queries.one(session, artifact_id, now=now, need=need)
    if row is None:
        raise NotFound(N_("There is no file {id}. It may have expired."), id=artifact_id)
    if not row.allowed:
        raise Forbidden(N_("You may look at this task, but not do this with it. Ask its owner, or an administrator."))
    return row


async def link(
    session: WriteSession,
    artifact_id: int,
    *,
    signing_key: str,
    lifetime: timedelta,
    longest: timedelta,
    now: datetime,
) -> Link:
    """A link that gives the file to whoever has it, for `lifetime` but not beyond `longest` nor the file's own end.

    Raises NotFound, Forbidden.
    """
    row = await get(session, artifact_id, now=now, need=Right.RUN)
    fresh = secrets.token_urlsafe(32)
    await session.execute(update(R).where(R.c.id == artifact_id, R.c.link_key == "").values(link_key=fresh))
    signed = await queries.signed(session, artifact_id, now=now)
    assert signed is not None
    expires = int(min(now + min(lifetime, longest), row.expires_at).timestamp())
    until = datetime.fromtimestamp(expires, UTC)
    details = {"task": row.task_id, "until": until.isoformat()}
    await audit.record(session, "artifact.link", _thing(row), now=now, details=details)
    signature = _signature(signing_key, signed.link_key, artifact_id, expires)
    return Link(f"/files/{artifact_id}/{expires}/{signature}", until)


async def by_link(
    session: ReadSession, artifact_id: int, expires: int, signature: str, *, signing_key: str, now: datetime
) -> Record:
    """The file that a link gives out; raises NotFound, which does not say what is wrong with the link."""
    row = await queries.signed(session, artifact_id, now=now)
    expected = _signature(signing_key, row.link_key if row else _NO_KEY, artifact_id, expires)
    right = hmac.compare_digest(expected.encode(), signature.encode())
    if row is None or not right or expires <= now.timestamp():
        raise NotFound(N_("This link does not work any more. Ask whoever gave it to you for a new one."))
    return row


async def revoke_links(session: WriteSession, artifact_id: int, *, now: datetime) -> None:
    """End every link to the file; raises NotFound, Forbidden."""
    row = await get(session, artifact_id, now=now, need=Right.RUN)
    await session.execute(update(R).where(R.c.id == artifact_id).values(link_key=""))
    await audit.record(session, "artifact.revoke", _thing(row), now=now, details={"task": row.task_id})


async def delete(session: WriteSession, artifact_id: int, *, now: datetime) -> None:
    """Give the file out no more; the scheduler deletes it soon. Raises NotFound, Forbidden."""
    row = await get(session, artifact_id, now=now, need=Right.EDIT)
    await session.execute(update(R).where(R.c.id == artifact_id).values(expires_at=now))
    await audit.record(session, "artifact.delete", _thing(row), now=now, details={"task": row.task_id})


def _thing(row: Record) -> Thing:
    return Thing("artifact", row.id, row.name)


def _signature(signing_key: str, link_key: str, artifact_id: int, expires: int) -> str:
    said = f"file:{link_key}:{artifact_id}:{expires}"
    digest = hmac.new(signing_key.encode(), said.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
