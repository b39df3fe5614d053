"""Sessions: the only place that commits.

A `ReadSession` may not write; on SQLite it does not queue behind a claim. A `WriteSession` is one transaction.
Functions that only read take a ReadSession, and accept a WriteSession too.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from copy import copy
from typing import TypeVar

from anyio import CancelScope
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from common.db.bells import Bells
from common.db.engine import BEGIN_OPTION, create_engine
from common.db.errors import is_transient
from common.domain import permissions
from common.domain.permissions import Actor
from common.errors import ConfigurationError

T = TypeVar("T")


class ReadSession(AsyncSession):
    """A session for reading, on behalf of `actor`: queries show what that person may see (ADR 0010)."""

    @property
    def actor(self) -> Actor:
        """On whose behalf this session reads and writes."""
        found: Actor = self.info["actor"]
        return found


class WriteSession(ReadSession):
    """A session for one transaction; committed by whoever opened it, in this module."""

    def ring(self, words: Iterable[str]) -> None:
        """Have these said to the other processes on this machine once it is committed."""
        self.info.setdefault("rings", set()).update(words)


class Database:
    """One database, as one process sees it."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        synchronous: str = "FULL",
        actor: Actor = permissions.SYSTEM,
        at_once: bool = False,
        bells: Bells | None = None,
    ) -> None:
        self.actor = actor
        self.bells = bells
        self._whole = False
        self.engine = create_engine(url, pool_size=pool_size, synchronous=synchronous, at_once=at_once)
        self.dialect = self.engine.dialect.name
        reader = self.engine.execution_options(**{BEGIN_OPTION: "BEGIN"})
        self._readers = async_sessionmaker(reader, class_=ReadSession, expire_on_commit=False)
        self._writers = async_sessionmaker(self.engine, class_=WriteSession, expire_on_commit=False)
        # SQLite has one writer; waiting here is fair and cheap, waiting there is neither.
        self._turn: AbstractAsyncContextManager[None] = asyncio.Lock() if self.dialect == "sqlite" else nullcontext()

    def on_behalf_of(self, actor: Actor) -> "Database":
        """The same database, whose sessions show what `actor` may see and say who it was.

        A stream ends when its client goes away, but no statement half way: a connection that was left in the middle of
        one has to be thrown away, and with it the work of opening another.
        """
        found = copy(self)
        found.actor = actor
        found._whole = True
        return found

    def _to_the_end(self) -> AbstractContextManager[object]:
        return CancelScope(shield=True) if self._whole else nullcontext()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """A session for reading; nothing done in it is kept."""
        with self._to_the_end():
            async with self._readers(info={"actor": self.actor}) as session:
                yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        """One transaction: committed at the end, rolled back when the body raises."""
        with self._to_the_end():
            async with self._turn, self._writers(info={"actor": self.actor}) as session, session.begin():
                yield session
            if self.bells and (rings := session.info.get("rings")):
                self.bells.ring(rings)

    async def transact(self, work: Callable[[WriteSession], Awaitable[T]], *, attempts: int = 5) -> T:
        """Run `work` as one transaction, again as a whole when the database asks for it (deadlock, lost connection).

        `work` must be safe to repeat: everything it does is in its session. Raises what the last attempt raised.
        """
        for attempt in range(1, attempts + 1):
            try:
                async with self.write() as session:
                    return await work(session)
            except DBAPIError as error:
                if attempt == attempts or not is_transient(error):
                    raise
                await asyncio.sleep(0.01 * 2**attempt)
        raise AssertionError("unreachable")

    async def check(self) -> None:
        """Refuse a connection that cannot keep our promises; raises ConfigurationError.

        MySQL only: READ COMMITTED, and rows counted as matched (else a repeated update reads as "lease lost").
        """
        if self.dialect != "mysql":
            return
        async with self.read() as session:
            # MariaDB before 11.1 has only the old name of the variable.
            rows = await session.execute(
                text("SHOW VARIABLES WHERE variable_name IN ('transaction_isolation', 'tx_isolation')")
            )
            level = rows.all()[0][1]
            if level != "READ-COMMITTED":
                raise ConfigurationError(f"MySQL must run READ COMMITTED for Rota, it runs {level}.")
            await session.execute(text("CREATE TEMPORARY TABLE rota_probe (id INT PRIMARY KEY, v INT)"))
            await session.execute(text("INSERT INTO rota_probe VALUES (1, 1)"))
            result = await session.execute(text("UPDATE rota_probe SET v = 1 WHERE id = 1"))
            await session.execute(text("DROP TEMPORARY TABLE rota_probe"))
            if result.rowcount != 1:  # type: ignore[attr-defined]
                raise ConfigurationError("MySQL must count matched rows (FOUND_ROWS) for Rota.")

    async def dispose(self) -> None:
        """Close every connection."""
        await self.engine.dispose()
        if self.bells:
            self.bells.close()
