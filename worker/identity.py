"""Who this worker is: an id that outlives restarts, a folder, and the row in `workers`."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import insert, select, update

from common.config import Settings
from common.db.models import Worker, table_of
from common.db.session import WriteSession
from common.errors import ConfigurationError
from common.process import boot_id, host
from common.version import __version__

W = table_of(Worker)
#: Tells a worker to leave everything that runs to its successor.
HAND_OVER = signal.SIGUSR1
#: Seconds for it to record what it has in hand and go.
_PATIENCE = 30.0
_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Identity:
    """`id` is the same after every restart; `folder` holds it, the runner's socket and its spool."""

    id: str
    name: str
    folder: Path

    def may_be_asked(self) -> None:
        """Leave word for a process that finds this place taken: this one hands over when it is asked to."""
        (self.folder / "lock").write_text(str(os.getpid()))

    def is_draining(self) -> None:
        """Leave word that this process hands over to whoever comes."""
        lock = self.folder / "lock"
        if lock.read_text():
            lock.write_text(f"{os.getpid()} draining")


@contextlib.contextmanager
def acquired(settings: Settings, *, take_over: bool = False) -> Iterator[Identity]:
    """The identity of this worker, for as long as it runs; raises ConfigurationError when another one has it.

    Who is draining, or with `take_over` whoever it is, is asked to hand over: it leaves what runs to us.
    """
    name = settings.worker_name or host()
    if name in (".", ".."):
        raise ConfigurationError(f"ROTA_WORKER_NAME: {name!r} is not a name.")
    folder = settings.data_dir.resolve() / "workers" / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not (_locked(lock) or _handed_over(lock, take_over=take_over)):
            raise ConfigurationError(
                f"A worker named {name!r} is already running on {settings.data_dir}."
                " Give this one a name of its own with ROTA_WORKER_NAME, or let it take over with --take-over."
            )
        os.ftruncate(lock, 0)
        yield Identity(_read_or_make(folder / "id"), name, folder)
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _handed_over(lock: int, *, take_over: bool) -> bool:
    """Ask who holds the lock to go, and wait until it has gone. It lives, so the process id it left is its own."""
    pid, _, state = os.pread(lock, 100, 0).decode().partition(" ")
    if not pid.isdecimal() or not (take_over or state):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(pid), HAND_OVER)
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if _locked(lock):
            return True
        time.sleep(_POLL)
    return False


def _read_or_make(path: Path) -> str:
    """The id in the file. A new one is written aside first: half an id would make this worker a stranger to itself."""
    with contextlib.suppress(FileNotFoundError):
        if found := path.read_text().strip():
            return found
    made = uuid4().hex
    aside = path.with_suffix(".new")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(made + "\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    return made


async def register(session: WriteSession, identity: Identity, settings: Settings, *, now: datetime) -> int:
    """Enter the worker into the database; returns its generation, one more than that of the process before."""
    values = {
        "name": identity.name,
        "host": host(),
        "pid": os.getpid(),
        "boot_id": boot_id(),
        "version": __version__,
        "queues": settings.queues,
        "slots": settings.slots,
        "running": 0,
        "draining": W.c.drain_asked_at.is_not(None),
        "runner_pid": None,
        "taken_over": 0,
        "limits": "",
        "as_root": os.geteuid() == 0 and not settings.run_as,
        "started_at": now,
        "heartbeat_at": now,
        "stopped_at": None,
    }
    before = await session.scalar(select(W.c.generation).where(W.c.id == identity.id).with_for_update())
    if before is None:
        await session.execute(insert(W).values(**values | {"id": identity.id, "generation": 1, "draining": False}))
        return 1
    generation = int(before) + 1
    await session.execute(update(W).where(W.c.id == identity.id).values(generation=generation, **values))
    return generation


async def retire(session: WriteSession, identity: Identity, *, generation: int, now: datetime) -> None:
    """Note that the worker has stopped in good order."""
    mine = [W.c.id == identity.id, W.c.generation == generation]
    await session.execute(
        update(W).where(*mine).values(running=0, draining=False, runner_pid=None, stopped_at=now, heartbeat_at=now)
    )
