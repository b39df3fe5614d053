"""Time: the database's clock for everything stored or compared, the machine's for durations."""

import select
import time
from datetime import UTC, datetime

from common.db.functions import clock_statement
from common.db.prepared import Prepared
from common.db.session import ReadSession

_NOW = Prepared(lambda dialect: clock_statement())


class Clock:
    """The real clock. Tests pass their own."""

    async def now(self, session: ReadSession) -> datetime:
        """The database's now, in UTC: one clock for all machines. Read once at the start of a transaction."""
        ((now,),) = await _NOW(session)
        return now  # type: ignore[no-any-return]

    def monotonic(self) -> float:
        """Seconds that only grow, also while the machine sleeps: for lease deadlines on this machine."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def nap(self, seconds: float) -> None:
        """Stand still for so long (milliseconds, not more: nothing else of this process goes on), as exactly as the
        kernel can; the event loop's timer rings up to a millisecond late."""
        select.select([], [], [], max(0.0, seconds))

    def local(self) -> datetime:
        """This machine's now, in UTC: for tokens and logs, where no session is at hand."""
        return datetime.now(UTC)
