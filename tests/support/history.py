"""What must hold of a history of executions, however many processes died on the way (reliability.md, 5).

A pure function over plain data, for every test under load or with faults. What it is given comes from three sides: the
rows of the database, a log that each test task appended to itself, and the instants of each schedule computed again by
other code than the one under test.

A line of the log is `S|H|E <execution id> <token> <time>`: the attempt started, gives a sign of life, is about to end.
An `E` line goes on with the bytes and the SHA-256 of what was written to stdout; both may be left out.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from common.domain.states import ACTIVE, TRANSITIONS, Status


@dataclass(frozen=True, slots=True)
class Row:
    """An execution as the database has it in the end. `stdout` are the bytes a download gives."""

    id: int
    task_id: int
    scheduled_for: datetime
    status: str
    token: int = 1
    trigger: str = "schedule"
    delivery: str = "at_most_once"
    instants: int = 1
    scheduled_until: datetime | None = None
    stdout: bytes = b""
    #: Attempts that ended badly, were recorded, and were tried again.
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Violation:
    """What does not hold: "I1" to "I8", and what was seen."""

    invariant: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}"


@dataclass(slots=True)
class Attempt:
    """What the log says of one token."""

    starts: list[float] = field(default_factory=list)
    signs: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    size: int | None = None
    digest: str | None = None

    @property
    def last(self) -> float:
        """When it was last seen."""
        return max(self.starts + self.signs + self.ends)


#: Execution id -> token -> attempt.
Log = Mapping[int, Mapping[int, Attempt]]


def check_history(
    rows: Sequence[Row],
    schedules: Mapping[int, Collection[datetime]],
    log_lines: Iterable[str] = (),
    transitions: Iterable[tuple[int, str, str]] = (),
    processes: Iterable[str] = (),
) -> list[Violation]:
    """Everything that does not hold; nothing when all is well.

    `schedules`: the due instants of every task. `transitions`: (execution id, from, to) as they were seen.
    `processes`: what still runs with our cookie.
    """
    log = read_log(log_lines)
    return [
        *_one_row_an_instant(rows, schedules),
        *_starts(rows, log),
        *_overlaps(log),
        *_outputs(rows, log),
        *_left_undone(rows),
        *_moves(transitions),
        *(Violation("I8", f"still running: {process}") for process in processes),
    ]


def read_log(lines: Iterable[str]) -> Log:
    """The attempts of a log; raises ValueError for a line that is none."""
    log: dict[int, dict[int, Attempt]] = defaultdict(lambda: defaultdict(Attempt))
    for line in lines:
        match line.split():
            case ["S", id_, token, time]:
                log[int(id_)][int(token)].starts.append(float(time))
            case ["H", id_, token, time]:
                log[int(id_)][int(token)].signs.append(float(time))
            case ["E", id_, token, time, *rest]:
                attempt = log[int(id_)][int(token)]
                attempt.ends.append(float(time))
                if rest:
                    attempt.size, attempt.digest = int(rest[0]), rest[1]
            case _:
                raise ValueError(f"not a line of the log: {line!r}")
    return log


def _one_row_an_instant(rows: Sequence[Row], schedules: Mapping[int, Collection[datetime]]) -> Iterator[Violation]:
    """I1: every due instant has exactly one row, alone or in a summary, and no row is for anything else."""
    found: dict[int, dict[datetime, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        if row.trigger == "schedule":
            last = row.scheduled_until or row.scheduled_for
            due = [instant for instant in schedules.get(row.task_id, ()) if row.scheduled_for <= instant <= last]
            if len(due) != row.instants:
                yield Violation("I1", f"row {row.id} stands for {row.instants} instants, {len(due)} were due")
            for instant in due:
                found[row.task_id][instant] += 1
    for task_id, instants in schedules.items():
        for instant in sorted(instants):
            if (count := found[task_id][instant]) != 1:
                yield Violation("I1", f"task {task_id} has {count} rows for {instant.isoformat()}")


def _starts(rows: Sequence[Row], log: Log) -> Iterator[Violation]:
    """I2, I3: one start for each token, and one for each recorded failure more where the task may not run twice."""
    known = {row.id: row for row in rows}
    for id_, attempts in log.items():
        for token, attempt in attempts.items():
            if len(attempt.starts) > 1:
                yield Violation("I3", f"attempt {token} of {id_} started {len(attempt.starts)} times")
            if not attempt.starts:
                yield Violation("I3", f"attempt {token} of {id_} was seen and never started")
        row = known.get(id_)
        if row is None:
            yield Violation("I2", f"{id_} ran and has no row")
        elif row.delivery == "at_most_once" and len(attempts) > 1 + row.failures:
            yield Violation("I2", f"{id_} runs at most once and was started as {sorted(attempts)}")
        elif max(attempts) > row.token:
            yield Violation("I2", f"{id_} ran as attempt {max(attempts)}, its row knows only {row.token}")


def _overlaps(log: Log) -> Iterator[Violation]:
    """I4: an attempt has ended, or was last seen alive, before the next one starts."""
    for id_, attempts in log.items():
        for one, following in pairwise(sorted(attempts)):
            if attempts[following].starts and attempts[one].last > min(attempts[following].starts):
                yield Violation("I4", f"attempt {one} of {id_} was alive when {following} started")


def _outputs(rows: Sequence[Row], log: Log) -> Iterator[Violation]:
    """I5: a success ended under its token, and its output is all there."""
    for row in rows:
        if row.status != Status.SUCCESS:
            continue
        attempt = log.get(row.id, {}).get(row.token)
        if attempt is None or not attempt.ends:
            yield Violation("I5", f"{row.id} is a success, attempt {row.token} never ended")
        elif attempt.size is not None and attempt.size != len(row.stdout):
            yield Violation("I5", f"{row.id} wrote {attempt.size} bytes, {len(row.stdout)} are kept")
        elif attempt.digest is not None and attempt.digest != hashlib.sha256(row.stdout).hexdigest():
            yield Violation("I5", f"the output of {row.id} is not what it wrote")


def _left_undone(rows: Sequence[Row]) -> Iterator[Violation]:
    """I6: nothing is left queued, waiting or running."""
    for row in rows:
        if row.status in ACTIVE:
            yield Violation("I6", f"{row.id} is still {row.status}")


def _moves(transitions: Iterable[tuple[int, str, str]]) -> Iterator[Violation]:
    """I7: every change is in the table of moves."""
    for id_, source, to in transitions:
        if Status(to) not in TRANSITIONS[Status(source)]:
            yield Violation("I7", f"{id_} went from {source} to {to}")
