"""What runs while things break: tasks that write their own log, on schedules whose instants anybody can work out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from common.clock import Clock
from common.db.session import Database, WriteSession
from common.services import tasks
from common.services.inputs import ScheduleInput, TaskInput

#: In the environment of every process a task starts, with the run's name: what is left over can be found by it.
MARK = "CHAOS_RUN"

#: Time from the machine's boot, in hundredths: the same for all processes, and no program need be started for it.
PRELUDE = """\
log() { read -r up rest < /proc/uptime; echo "$1 $ROTA_EXECUTION_ID $ROTA_ATTEMPT $up$2" >> %s; }
log S
"""
END = """\
printf '%s' "$out"
set -- $(printf '%s' "$out" | sha256sum)
log E " ${#out} $1"
"""
OUT = 'out="execution $ROTA_EXECUTION_ID attempt $ROTA_ATTEMPT"\n'
SHORT = OUT + END
LONG = OUT + "for i in 1 2 3 4 5 6 7 8; do sleep 0.2; log H; done\n" + END
LENGTHY = OUT + "for i in $(seq 20); do sleep 0.2; log H; done\n" + END
#: Some 100 kB, so that it comes in many pieces.
TALKATIVE = 'out="$ROTA_EXECUTION_ID $ROTA_ATTEMPT $(seq 20000)"\n' + END
#: Its third attempt is the first that goes well.
FLAKY = OUT + "[ $((ROTA_ATTEMPT % 3)) = 0 ] || { sleep 0.1; exit 7; }\n" + END
#: Leaves a process behind that has left its session.
LEAVING = "setsid sleep 600 &\n" + OUT + "for i in 1 2; do sleep 0.2; log H; done\n" + END
#: The same, and ignores SIGTERM.
STUBBORN = "trap '' TERM\n" + LEAVING
ENDLESS = "while :; do sleep 0.2; log H; done\n"

_AGAIN: dict[str, Any] = {"delivery": "at_least_once"}
_KINDS: list[tuple[str, int, str, dict[str, Any]]] = [
    ("short", 3, SHORT, {}),
    ("short, all", 4, SHORT, {"misfire_policy": "all"}),
    ("short again", 5, SHORT, {**_AGAIN, "misfire_policy": "all"}),
    ("long", 1, LONG, {}),
    ("long again", 2, LONG, _AGAIN),
    ("lengthy", 1, LENGTHY, {"concurrency": "skip"}),
    ("lengthy again", 1, LENGTHY, {**_AGAIN, "concurrency": "skip"}),
    ("talkative", 1, TALKATIVE, {}),
    ("talkative again", 1, TALKATIVE, _AGAIN),
    ("flaky", 1, FLAKY, {"retries": 2, "retry_delay": 0.3}),
    ("flaky again", 1, FLAKY, {**_AGAIN, "retries": 2, "retry_delay": 0.3}),
    ("stubborn again", 1, STUBBORN, {**_AGAIN, "concurrency": "skip"}),
    ("one by one again", 1, SHORT, {**_AGAIN, "concurrency": "queue"}),
    ("replaced", 1, LONG, {"concurrency": "replace"}),
    ("endless", 1, ENDLESS, {"timeout": 0.7, "concurrency": "skip"}),
]
#: What is paused and resumed.
PAUSED = "short"


@dataclass(frozen=True, slots=True)
class Window:
    """From the first instant to the last, both included: whole seconds."""

    first: datetime
    last: datetime

    def instants(self) -> list[datetime]:
        """Every second of it: what `* * * * * *` means, worked out without Rota."""
        count = int((self.last - self.first).total_seconds()) + 1
        return [self.first + timedelta(seconds=number) for number in range(count)]


@dataclass(frozen=True, slots=True)
class Workload:
    """The tasks, by name of their kind, and when they are due."""

    window: Window
    tasks: dict[str, list[int]]

    def ids(self) -> list[int]:
        """Every task."""
        return [id_ for ids in self.tasks.values() for id_ in ids]


async def create(database: Database, *, side: Path, mark: str, seconds: float, lead: float) -> Workload:
    """Tasks that run every second for so many seconds, the first time `lead` seconds from now."""

    async def work(session: WriteSession) -> Workload:
        now = await Clock().now(session)
        first = now.replace(microsecond=0) + timedelta(seconds=lead)
        window = Window(first, first + timedelta(seconds=int(seconds)))
        found: dict[str, list[int]] = {}
        for name, task in _inputs(window, side, mark):
            created = await tasks.create(session, task, owner_id=None, now=now)
            assert created.id is not None
            found.setdefault(name, []).append(created.id)
        return Workload(window, found)

    return await database.transact(work)


def _inputs(window: Window, side: Path, mark: str) -> Iterator[tuple[str, TaskInput]]:
    schedule = ScheduleInput(expr="* * * * * *", start_at=window.first, end_at=window.last)
    for name, count, script, values in _KINDS:
        for number in range(count):
            given = {"concurrency": "allow", "env": {MARK: mark}} | values
            command = PRELUDE % side + script
            yield name, TaskInput(name=f"{name} {number}", command=command, schedules=[schedule], **given)
