"""Pruning: deleted tasks, history, files and audit log past their limits, processes long gone. Small batches each."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import delete, func, select

from common.artifacts.store import Store, StoreError
from common.clock import Clock
from common.db.functions import unled
from common.db.models import Artifact, Audit, Invitation, Scheduler, Task, UserSession, Worker, table_of
from common.db.session import Database, WriteSession
from common.domain.states import ACTIVE, FINAL
from common.queue import history
from common.queue.transitions import E
from common.services import throttle

log = structlog.get_logger()
T = table_of(Task)
R = table_of(Artifact)
_INTERVAL = 30.0
_BATCH = 500
#: Old executions a transaction, at first, and the seconds that one may take: SQLite has one writer, and tasks wait for
#: it.
_FIRST, _LONGEST = 100, 0.05
#: Files deleted a tick: each of them may be a request to a store far away.
_FILES = 100


@dataclass
class Prune:
    """The tick that deletes. `max_history` is for tasks without a limit of their own, `retention_days` for all.

    `audit_days` is how far back the audit log goes: the only way an entry ever goes away.
    """

    database: Database
    clock: Clock
    max_history: int
    retention_days: int
    audit_days: int = 365
    store: Store | None = None
    _since: datetime | None = None
    _few: int = _FIRST
    _took: float = 0.0

    async def tick(self) -> float:
        """Delete one batch of each kind; returns the seconds to wait, 0 when there is more."""
        more = await self.database.transact(self._deleted_tasks)
        more |= await self._old_ones()
        more |= await self._over_limit()
        more |= await self.database.transact(self._old_audit)
        more |= await self._expired_files()
        await self.database.transact(self._gone)
        return self._took if more else _INTERVAL  # others have as much of the time

    async def _old_ones(self) -> bool:
        """Delete some executions past the retention, and next time as many as take no longer than they should."""
        began, few = self.clock.monotonic(), self._few
        more = await self.database.transact(self._old)
        self._took = self.clock.monotonic() - began
        if more:
            self._few = min(_BATCH, max(10, int(few * _LONGEST / max(self._took, 0.001))))
        return more

    async def _deleted_tasks(self, session: WriteSession) -> bool:
        """Remove the rows of a deleted task once nothing of it runs any more."""
        active = select(E.c.id).where(E.c.task_id == T.c.id, E.c.status.in_(sorted(ACTIVE))).exists()
        task_id = await session.scalar(
            select(T.c.id).where(T.c.deleted_at.is_not(None), ~active).order_by(T.c.id).limit(1)
        )
        if task_id is None:
            return False
        if await history.delete_finished(session, task_id=task_id, limit=_BATCH) < _BATCH:
            await session.execute(delete(T).where(T.c.id == task_id))
        return True

    async def _old(self, session: WriteSession) -> bool:
        """Delete executions older than the retention."""
        before = await self.clock.now(session) - timedelta(days=self.retention_days)
        old = select(E.c.id).where(E.c.finished_at < before, unled(E.c.status).in_(sorted(FINAL)))
        ids = list(await session.scalars(old.order_by(E.c.finished_at).limit(self._few)))
        if ids:
            await history.delete_executions(session, ids)
        return len(ids) == self._few

    async def _old_audit(self, session: WriteSession) -> bool:
        """Delete entries of the audit log past their age."""
        before = await self.clock.now(session) - timedelta(days=self.audit_days)
        entries = table_of(Audit)
        ids = list(await session.scalars(select(entries.c.id).where(entries.c.at < before).limit(_BATCH)))
        if ids:
            await session.execute(delete(entries).where(entries.c.id.in_(ids)))
        return len(ids) == _BATCH

    async def _expired_files(self) -> bool:
        """Delete files past their time: the bytes first, so that no row is gone while they are there."""
        if self.store is None:
            return False
        async with self.database.read() as session:
            now = await self.clock.now(session)
            expired = select(R.c.id, R.c.store_key).where(R.c.expires_at <= now).order_by(R.c.expires_at)
            rows = (await session.execute(expired.limit(_FILES))).all()
        gone = []
        for row in rows:
            try:
                await asyncio.to_thread(self.store.delete, row.store_key)
            except StoreError as error:
                log.warning("file not deleted", artifact=row.id, error=str(error))
                break
            gone.append(row.id)
        if gone:
            await self.database.transact(partial(_forget, ids=gone))
        return len(gone) == _FILES

    async def _over_limit(self) -> bool:
        """Keep to the history limit of every task that finished something since the last look; each by itself."""
        limit = func.coalesce(T.c.max_history, self.max_history)
        async with self.database.read() as session:
            now = await self.clock.now(session)
            rows = await session.execute(
                select(E.c.task_id, limit)
                .join(T, T.c.id == E.c.task_id)
                .where(E.c.finished_at >= (self._since or now - timedelta(days=1)))
                .group_by(E.c.task_id, T.c.max_history)
            )
            over = [
                (task_id, keep)
                for task_id, keep in rows.all()
                if await history.has_more_than(session, task_id=task_id, keep=keep)
            ]
        more = False
        for task_id, keep in over:
            deleted = await self.database.transact(partial(_shorten, task_id=task_id, keep=keep))
            log.info("history pruned", task=task_id, executions=deleted)
            more |= deleted >= _BATCH
        if not more:  # else the same tasks are looked at again
            self._since = now - timedelta(seconds=5)
        return more

    async def _gone(self, session: WriteSession) -> None:
        """Forget processes nobody has heard of for a week, and sign-ins and invitations that are over."""
        now = await self.clock.now(session)
        week = now - timedelta(days=7)
        for table in (table_of(Scheduler), table_of(Worker)):
            await session.execute(delete(table).where(table.c.heartbeat_at < week))
        sessions = table_of(UserSession)
        await session.execute(delete(sessions).where(sessions.c.expires_at < now))
        invitations = table_of(Invitation)
        await session.execute(delete(invitations).where(invitations.c.expires_at < now))
        await throttle.forget_full(session, now=now)


async def _shorten(session: WriteSession, *, task_id: int, keep: int) -> int:
    return await history.delete_finished(session, task_id=task_id, keep=keep, limit=_BATCH)


async def _forget(session: WriteSession, *, ids: Sequence[int]) -> None:
    await session.execute(delete(R).where(R.c.id.in_(ids)))
