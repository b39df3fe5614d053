"""Files of SQLite."""

import sqlite3
from pathlib import Path
from typing import Any

from common.datasources.source import Source

PARAMSTYLE = "named"
KEEPS_TIME = False

_BUSY = 10.0  # seconds to wait for somebody else's transaction
#: Opens other files; VACUUM INTO does too.
_DENIED = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}
_DENIED_PRAGMAS = {"temp_store_directory", "data_store_directory", "writable_schema"}


def open(source: Source, host: str, *, timeout: float, read_only: bool) -> Any:
    """A raw connection to the file `host`; in autocommit mode."""
    address = f"{Path(host).as_uri()}?mode={'ro' if read_only else 'rw'}"
    raw = sqlite3.connect(address, uri=True, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    raw.set_authorizer(_authorize)
    raw.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return raw


def _authorize(action: int, first: str | None, second: str | None, _: str | None, __: str | None) -> int:
    denied = action in _DENIED or (action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _DENIED_PRAGMAS)
    return sqlite3.SQLITE_DENY if denied else sqlite3.SQLITE_OK


def set_timeout(raw: Any, seconds: float | None) -> None:
    """There is no server that could keep the time: whoever runs statements interrupts them."""


def begin(raw: Any, *, read_only: bool) -> None:
    """One that is to change something locks at once: to upgrade later may fail."""
    raw.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")


def finish(raw: Any, *, commit: bool) -> None:
    """Some errors have ended it already."""
    if raw.in_transaction:
        raw.execute("COMMIT" if commit else "ROLLBACK")


def cancel(raw: Any, source: Source, host: str) -> None:
    """Interrupt what runs."""
    raw.interrupt()


def stream(raw: Any) -> Any:
    """Every cursor reads as it goes."""
    return raw.cursor()


def version(raw: Any) -> str:
    """Such as "SQLite 3.40.1"."""
    return f"SQLite {sqlite3.sqlite_version}"


def sees_database(raw: Any, name: str) -> bool:
    """A connection sees one file only."""
    return False
