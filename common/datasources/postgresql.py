"""PostgreSQL, by psycopg."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from common.datasources.source import OFF, REQUIRE, Source

PARAMSTYLE = "pyformat"
KEEPS_TIME = True
_CURSOR = "rota_stream"
_DECLARABLE = re.compile(r"(\s|\(|--[^\n]*\n|/\*.*?\*/)*(SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE | re.DOTALL)
#: A query that changes something: DECLARE takes none that does.
_CHANGING = re.compile(r"\b(INSERT\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|MERGE\s+INTO)\b", re.IGNORECASE)


def open(source: Source, host: str, *, timeout: float, read_only: bool) -> Any:
    """A raw connection; in autocommit mode."""
    with _authorities(source) as trusted:
        more: Any = {"sslrootcert": trusted} if trusted else {}
        return psycopg.connect(
            # The name is what the certificate is checked against, the address is what was looked at.
            host=source.host,
            hostaddr=host.partition("%")[0],
            port=source.port,
            dbname=source.database or "postgres",
            user=source.username,
            password=source.password,
            connect_timeout=max(2, int(timeout)),
            sslmode={OFF: "disable", REQUIRE: "require"}.get(source.tls, "verify-full"),
            application_name="rota",
            client_encoding="utf8",
            autocommit=True,
            # Bound by the driver in the text: a script may use parameters in any statement, not in queries only.
            cursor_factory=psycopg.ClientCursor,
            options="-c default_transaction_read_only=on" if read_only else "",
            # None of what this user of the machine has lying about.
            # Below a device nothing can be: libpq says nothing of a file that is not there, but warns of a device.
            passfile="/dev/null/none",
            sslcert="/dev/null" if source.tls == OFF else "",
            gssencmode="disable",
            **more,
        )


@contextmanager
def _authorities(source: Source) -> Iterator[str]:
    """Where libpq finds the certificates to trust: a file in memory, or those of the system."""
    if source.tls in (OFF, REQUIRE):
        yield ""
    elif not source.tls_ca:
        yield "system"
    else:
        fd = os.memfd_create("authorities", os.MFD_CLOEXEC)
        try:
            os.write(fd, source.tls_ca.encode())
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)


def set_timeout(raw: Any, seconds: float | None) -> None:
    """By the server's own clock."""
    raw.execute(f"SET statement_timeout = {int((seconds or 0) * 1000)}")


def begin(raw: Any, *, read_only: bool) -> None:
    """By hand, so that what a script does to transactions itself is not mistaken for ours."""
    raw.execute("BEGIN TRANSACTION READ ONLY" if read_only else "BEGIN")


def finish(raw: Any, *, commit: bool) -> None:
    """After an error the server takes nothing else."""
    raw.execute("COMMIT" if commit else "ROLLBACK")


def cancel(raw: Any, source: Source, host: str) -> None:
    """By a second connection, as the protocol has it."""
    raw.cancel_safe(timeout=5)


def stream(raw: Any) -> Any:
    """A cursor of the server. It lives in a transaction; outside of one it outlives the statement."""
    return _Streamed(raw)


class _Streamed:
    """A query behind DECLARE, with what psycopg's own named cursor lacks: parameters bound in the text.

    Outside of a transaction it gets one of its own: WITH HOLD would have the server store the whole result first.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._fetch = raw.cursor()
        self._declared = self._own = False
        self.description: Any = None

    def execute(self, statement: str, parameters: Any = None) -> None:
        """Run it. What DECLARE does not take (SHOW, EXPLAIN, INSERT … RETURNING) is run as it is."""
        if not _DECLARABLE.match(statement) or _CHANGING.search(statement):
            self._fetch.execute(statement, parameters)
            self.description = self._fetch.description
            return
        if self._raw.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self._raw.execute("BEGIN TRANSACTION READ ONLY")
            self._own = True
        try:
            self._fetch.execute(f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR {statement}", parameters)
        except BaseException:
            self.close()
            raise
        self._declared = True

    def fetchmany(self, size: int) -> list[Any]:
        """The next rows."""
        if self._declared:
            self._fetch.execute(f"FETCH {int(size)} FROM {_CURSOR}")
            self.description = self._fetch.description
        elif self.description is None:
            return []
        rows: list[Any] = self._fetch.fetchall() if self._declared else self._fetch.fetchmany(size)
        return rows

    def close(self) -> None:
        """Close it on the server, and end its transaction."""
        status = self._raw.info.transaction_status
        if self._declared and not self._own and status == psycopg.pq.TransactionStatus.INTRANS:
            self._fetch.execute(f"CLOSE {_CURSOR}")
        self._fetch.close()
        if self._own:
            self._own = False
            self._raw.execute("ROLLBACK")


def version(raw: Any) -> str:
    """Such as "PostgreSQL 15.18"."""
    return f"PostgreSQL {raw.execute('SHOW server_version').fetchone()[0]}"


def sees_database(raw: Any, name: str) -> bool:
    """A connection sees one database only."""
    return False
