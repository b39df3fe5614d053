"""What is dear to work out and may be a few seconds old, kept for that long in this process."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, NamedTuple, TypeVar

import structlog

from common.domain.permissions import Actor, sees_all

log = structlog.get_logger()
T = TypeVar("T")
_MOST = 2000
_TIMES, _LONGEST, _CHEAP = 60, 60.0, 0.25


class _Kept(NamedTuple):
    """A value, and on the clock `time.monotonic` when it is too old, and when it is so for good."""

    until: float
    gone: float
    value: Any


class Memory:
    """Values by key with an age at which each is thrown away; the ones used longest ago go first when it is full.

    Only for what many pages ask for again and again. Asked twice at the same time, it is worked out once.
    """

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, _Kept] = OrderedDict()
        #: Keys of what is cheap enough to be worked out anew whenever this process has written something.
        self._cheap: set[Hashable] = set()
        self._turns: dict[Hashable, asyncio.Lock] = {}
        self._renewing: dict[Hashable, asyncio.Task[None]] = {}
        #: How often something was written here.
        self._writes = 0

    def get(self, key: Hashable) -> Any:
        """The value, None when there is none or it is too old."""
        found = self._values.get(key)
        if found is None or found.until < time.monotonic():
            return None
        self._values.move_to_end(key)
        return found.value

    def keep(self, key: Hashable, value: Any, *, seconds: float) -> None:
        """Keep a value for so long."""
        now = time.monotonic()
        self._values[key] = _Kept(now + seconds, now + 2 * seconds, value)
        self._values.move_to_end(key)
        while len(self._values) > _MOST:
            self._values.popitem(last=False)

    def written(self) -> None:
        """Something was written here: whoever did it sees it at once, where that is cheap."""
        self._writes += 1
        for key in self._cheap:
            self._values.pop(key, None)
        self._cheap.clear()

    async def of(
        self,
        key: Hashable,
        seconds: float | None,
        make: Callable[[], Awaitable[T]],
        *,
        most: float = _LONGEST,
        behind: bool = False,
    ) -> T:
        """The value for `key`, made when there is none that is young enough. None is not remembered.

        Without `seconds` it is kept for sixty times as long as it took to make, at `most` so many seconds: what is
        cheap is always fresh. `behind`: one that is up to twice as old is given once more while the next is made, so
        that nobody waits for it; `make` must not need the session of who asks.
        """
        known: T | None = self.get(key)
        if known is None and behind and (known := self._old(key)) is not None and key not in self._renewing:
            self._renewing[key] = asyncio.create_task(self._renew(key, seconds, make, most))
        return known if known is not None else await self._made(key, seconds, make, most)

    def _old(self, key: Hashable) -> Any:
        found = self._values.get(key)
        return found.value if found is not None and time.monotonic() < found.gone else None

    async def _renew(
        self, key: Hashable, seconds: float | None, make: Callable[[], Awaitable[object]], most: float
    ) -> None:
        try:
            await self._made(key, seconds, make, most)
        except Exception as error:  # whoever asks next waits for it, and is told
            log.warning("could not be worked out anew", key=str(key), error=type(error).__name__)
        finally:
            del self._renewing[key]

    async def _made(self, key: Hashable, seconds: float | None, make: Callable[[], Awaitable[T]], most: float) -> T:
        turn = self._turns.setdefault(key, asyncio.Lock())
        try:
            async with turn:
                known: T | None = self.get(key)
                if known is None:
                    begin, writes = time.monotonic(), self._writes
                    known = await make()
                    took = time.monotonic() - begin
                    if known is not None and (took >= _CHEAP or writes == self._writes):
                        kept = min(most, _TIMES * took) if seconds is None else seconds
                        self.keep(key, known, seconds=kept)
                        if took < _CHEAP:
                            self._cheap.add(key)
                return known
        finally:
            if not turn.locked():
                self._turns.pop(key, None)


def eyes(actor: Actor) -> Hashable:
    """Whose view a value is: everybody who sees all sees the same."""
    return "all" if sees_all(actor) else actor.user_id
