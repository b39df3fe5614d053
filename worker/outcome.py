"""What became of an attempt: one pure function from the runner's result and the claim to what is recorded."""

import signal
from base64 import b64decode
from codecs import getincrementaldecoder
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from common.domain import retry
from common.domain.states import Status
from common.domain.timing import Kept, in_lines
from common.queue.claims import Claim
from common.queue.finish import Result
from common.queue.leases import MAX_LOSSES
from common.services.executions import readable
from worker.runner.protocol import LIVE_AFTER, Message

_Decoder = getincrementaldecoder("utf-8")
_CONTINUATION = range(0x80, 0xC0)
#: Bytes of a stream that its row holds: the first and the last half. What is longer is stored in pieces as well.
SHOWN = 1 << 20
INTERRUPTED = "interrupted: the worker was stopped"


@dataclass(frozen=True, slots=True)
class Ending:
    """What to record: the result, and the bytes of both streams where the text does not say them exactly."""

    result: Result
    raw: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class _View:
    """One stream as text, its bytes, and whether the one says all of the other.

    `whole` are the bytes to store where it does not, with a line that says what the runner dropped.
    """

    text: str
    data: bytes
    exact: bool
    whole: bytes = b""


def ending(message: Message, claim: Claim, *, worker_id: str, now: datetime, shift: timedelta) -> Ending:
    """What to record for the runner's `message` about the attempt `claim`.

    `now` is the database's clock; `shift` is what to add to this machine's clock to get it.
    """
    status, error = _verdict(message, claim)
    finished_at = _instant(message["finished_at"], shift) or now
    again_at = _retry_at(status, claim, finished_at)
    given_back = again_at is None and _is_given_back(message["outcome"], claim)
    stdout, stderr = _view(message, "stdout"), _view(message, "stderr")
    exact = stdout.exact and stderr.exact
    result = Result(
        id=claim.id,
        token=claim.token,
        status=status,
        started_at=_instant(message["started_at"], shift) or finished_at,
        finished_at=finished_at,
        worker_id=worker_id,
        retry_at=now if given_back else again_at,
        counts=not given_back,
        exit_code=message["exit_code"],
        signal=message["signal"],
        error=readable(error.encode("utf-8", "replace")) if error else None,
        stdout=stdout.text,
        stderr=stderr.text,
        stdout_bytes=message["stdout_bytes"],
        stderr_bytes=message["stderr_bytes"],
        keep_pieces=not exact,
        brief=(message.get("duration") or LIVE_AFTER) < LIVE_AFTER,
        pid=message["pid"],
        cpu_seconds=message["cpu_seconds"],
        peak_memory=message["peak_memory"],
        proof=message["proof"],
        timing=_timing(message, stdout, stderr),
    )
    return Ending(result, () if exact else (("o", stdout.whole or stdout.data), ("e", stderr.whole or stderr.data)))


def _timing(message: Message, stdout: _View, stderr: _View) -> list[list[Any]] | None:
    """When which stream went on, by lines of what is kept; None where nothing was written."""
    marks = message.get("timing")  # a runner of before has none
    if not marks:
        return None
    streams = {
        key: Kept(view.data, message[f"{name}_bytes"], cut[0] if (cut := message[f"{name}_cut"]) else None)
        for key, name, view in (("o", "stdout", stdout), ("e", "stderr", stderr))
    }
    return in_lines(marks, streams) or None


def keeps_files(claim: Claim, status: Status) -> bool:
    """Whether what the attempt has left as files is kept: of an export that did not end well nobody wants half."""
    return claim.kind != "export" or status is Status.SUCCESS


def _verdict(message: Message, claim: Claim) -> tuple[Status, str | None]:
    """The status, and in plain English why it is not success."""
    said: str | None = message["error"]
    match message["outcome"]:
        case "exited":
            status, why = _of_exit(message)
            return status, said or why
        case "timed_out":
            return Status.TIMED_OUT, f"timed out after {claim.timeout or 0:g} s"
        case "cancelled":
            return Status.CANCELLED, said
        case "interrupted":
            return Status.CANCELLED, INTERRUPTED
        case "spawn_error":
            return Status.FAILED, said or "the program could not be started"
        case "unkept":
            return Status.FAILED, said
        case "deadline":
            return Status.LOST, said or "stopped: the worker could not renew its lease in time"
        case "lost":
            return Status.LOST, said or "stopped: the execution was no longer this worker's"
        case other:
            return Status.FAILED, f"the runner reported {other!r}, which this worker does not know"


def _of_exit(message: Message) -> tuple[Status, str | None]:
    code, number = message["exit_code"], message["signal"]
    if code == 0:
        return Status.SUCCESS, None
    if code is not None:
        return Status.FAILED, f"exit code {code}"
    if number is None:
        return Status.FAILED, "the process did not go away and its exit code could not be read"
    try:
        return Status.FAILED, f"ended by {signal.Signals(number).name}"
    except ValueError:
        return Status.FAILED, f"ended by signal {number}"


def _retry_at(status: Status, claim: Claim, finished_at: datetime) -> datetime | None:
    if status not in (Status.FAILED, Status.TIMED_OUT) or claim.failures >= claim.retries:
        return None
    seconds = retry.delay(
        attempt=claim.failures + 1, base=claim.retry_delay, backoff=claim.retry_backoff, jitter_key=str(claim.id)
    )
    return finished_at + timedelta(seconds=seconds)


def _is_given_back(outcome: str, claim: Claim) -> bool:
    """Whether somebody may run it again, because it is safe to repeat and its end was not its own doing."""
    losses = claim.token - claim.failures
    own_doing = outcome not in ("interrupted", "lost", "deadline")
    return not own_doing and claim.delivery == "at_least_once" and losses <= MAX_LOSSES


def _instant(unix: float | None, shift: timedelta) -> datetime | None:
    return None if unix is None else datetime.fromtimestamp(unix, UTC) + shift


def _view(message: Message, name: str) -> _View:
    """One stream ("stdout" or "stderr") of the result."""
    data = b64decode(message[name])
    at, dropped = message[f"{name}_cut"] or (len(data), 0)
    if not dropped and len(data) <= SHOWN:
        text = readable(data)
        return _View(text, data, exact=text.encode() == data)
    if len(data) <= SHOWN:
        head, tail = data[:at], data[at:]
    else:
        head = data[: min(at, SHOWN // 2)]
        tail = data[max(at if dropped else 0, len(data) - SHOWN // 2) :]
    # The cut may go through the middle of a character; its halves are left out too.
    decoder = _Decoder("replace")
    decoder.decode(head)
    head = head[: len(head) - len(decoder.getstate()[0])]
    skipped = 0
    while skipped < 3 and tail[skipped : skipped + 1] and tail[skipped] in _CONTINUATION:
        skipped += 1
    tail = tail[skipped:]
    left_out = len(data) + dropped - len(head) - len(tail)
    first, last = readable(head), readable(tail)
    exact = len(data) <= SHOWN and first.encode() == head and last.encode() == tail
    gap = _gap(dropped).encode() if dropped else b""
    return _View(f"{first}{_gap(left_out)}{last}", data, exact, data[:at] + gap + data[at:] if gap else data)


def _gap(count: int) -> str:
    """The two lines that stand for what is missing: the rest of the one that was cut, and one that says so."""
    return f"\n… {count:,} bytes left out …\n"
