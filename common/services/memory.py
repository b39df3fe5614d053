"""What is dear to work out and may be a few seconds old, kept for that long in this process."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from common.domain.permissions import Actor, sees_all

T = TypeVar("T")
_MOST = 2000
_TIMES, _LONGEST, _CHEAP = 60, 60.0, 0.25


class Memory:
    """Values by key with an age at which each is thrown away; the ones used longest ago go first when it is full.

    Only for what many pages ask for again and again. Asked twice at the same time, it is worked out once.
    """

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        #: Keys of what is cheap enough to be worked out anew whenever this process has written something.
        self._cheap: set[Hashable] = set()
        self._turns: dict[Hashable, asyncio.Lock] = {}

    def get(self, key: Hashable) -> Any:
        """The value, None when there is none or it is too old."""
        found = self._values.get(key)
        if found is None or found[0] < time.monotonic():
            return None
        self._values.move_to_end(key)
        return found[1]

    def keep(self, key: Hashable, value: Any, *, seconds: float) -> None:
        """Keep a value for so long."""
        self._values[key] = (time.monotonic() + seconds, value)
        self._values.move_to_end(key)
        while len(self._values) > _MOST:
            self._values.popitem(last=False)

    def written(self) -> None:
        """Something was written here: whoever did it sees it at once, where that is cheap."""
        for key in self._cheap:
            self._values.pop(key, None)
        self._cheap.clear()

    async def of(
        self, key: Hashable, seconds: float | None, make: Callable[[], Awaitable[T]], *, most: float = _LONGEST
    ) -> T:
        """The value for `key`, made when there is none that is young enough. None is not remembered.

        Without `seconds` it is kept for sixty times as long as it took to make, at `most` so many seconds: what is
        cheap is always fresh.
        """
        known: T | None = self.get(key)
        if known is not None:
            return known
        turn = self._turns.setdefault(key, asyncio.Lock())
        try:
            async with turn:
                known = self.get(key)
                if known is None:
                    begin = time.monotonic()
                    known = await make()
                    took = time.monotonic() - begin
                    if known is not None:
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
