"""Unlocking: PostgreSQL sessions of processes that froze with locks in their hands are ended."""

from dataclasses import dataclass

import structlog
from sqlalchemy import text

from common.db.session import Database

log = structlog.get_logger()
_INTERVAL = 5.0
#: Between the parts of a statement that a driver prepares PostgreSQL takes its session for active: neither
#: `statement_timeout` nor `idle_in_transaction_session_timeout` ends it, and a frozen machine answers keepalives for
#: ever. Nobody of ours leaves it so for longer than an answer takes; ten seconds are what those limits give.
_END = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = current_user AND application_name = 'rota'"
    " AND state = 'active' AND wait_event = 'ClientRead' AND state_change < clock_timestamp() - interval '10 seconds'"
)


@dataclass
class Unlock:
    """The tick that ends them."""

    database: Database

    async def tick(self) -> float:
        """End those there are; returns the seconds to wait."""
        if self.database.dialect == "postgresql":
            async with self.database.read() as session:
                if ended := len((await session.execute(_END)).all()):
                    log.warning("sessions of frozen processes ended", sessions=ended)
        return _INTERVAL
