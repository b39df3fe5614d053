"""MySQL, MariaDB, and AnalyticDB, which speaks their protocol: by PyMySQL."""

import socket
import ssl
from contextlib import closing, suppress
from typing import Any

import pymysql
from pymysql.cursors import SSCursor

from common.datasources.source import OFF, VERIFY, Source

PARAMSTYLE = "pyformat"
#: MariaDB does; MySQL for queries only, AnalyticDB not: whoever runs statements looks at the time as well.
KEEPS_TIME = False


def open(source: Source, host: str, *, timeout: float, read_only: bool) -> Any:
    """A raw connection; in autocommit mode."""
    raw: Any = pymysql.connect(
        # The name is what the certificate is checked against; the socket leads to the address that was looked at.
        host=source.host,
        port=source.port,
        user=source.username,
        password=source.password,
        database=source.database or None,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=timeout,
        # For the greeting; what a statement may take is another matter.
        read_timeout=timeout,
        write_timeout=timeout,
        local_infile=False,
        program_name="rota",
        defer_connect=True,
        **({"ssl_disabled": True} if source.tls == OFF else {"ssl": _context(source)}),
    )
    line = socket.create_connection((host, source.port), timeout=timeout)
    try:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.connect(line)
        raw._read_timeout = raw._write_timeout = raw._current_timeout = None
        line.settimeout(None)
        if read_only and source.kind != "analyticdb":
            with closing(raw.cursor()) as cursor:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
    except BaseException:
        with suppress(Exception):
            raw.close()
        line.close()
        raise
    return raw


def _context(source: Source) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=source.tls_ca or None)
    if source.tls != VERIFY:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def set_timeout(raw: Any, seconds: float | None) -> None:
    """By the server's own clock, as far as it has one for that."""
    with closing(raw.cursor()) as cursor:
        if "mariadb" in str(raw.get_server_info()).lower():
            cursor.execute("SET SESSION max_statement_time = %s", (seconds or 0,))
        else:
            with suppress(pymysql.err.MySQLError):
                cursor.execute("SET SESSION max_execution_time = %s", (int((seconds or 0) * 1000),))


def begin(raw: Any, *, read_only: bool) -> None:
    """A transaction of all that follows."""
    with closing(raw.cursor()) as cursor:
        cursor.execute("START TRANSACTION READ ONLY" if read_only else "START TRANSACTION")


def finish(raw: Any, *, commit: bool) -> None:
    """End it."""
    raw.commit() if commit else raw.rollback()


def cancel(raw: Any, source: Source, host: str) -> None:
    """By a second connection: every account may end what its own connections do."""
    with closing(open(source, host, timeout=5, read_only=False)) as other, closing(other.cursor()) as cursor:
        cursor.execute("KILL QUERY %s", (raw.thread_id(),))


def stream(raw: Any) -> Any:
    """A cursor that reads rows as they are asked for."""
    return raw.cursor(_Streamed)


class _Streamed(SSCursor):
    """Closing it does not read the rest of a result that nobody wants any more, which may take an hour."""

    def fetchmany(self, size: int | None = None) -> Any:
        """The next rows; PyMySQL gives None or a tuple at the end, as it likes."""
        return list(super().fetchmany(size) or ())


def version(raw: Any) -> str:
    """Such as "10.11.19-MariaDB"."""
    told = str(raw.get_server_info())
    return told if "mariadb" in told.lower() else f"MySQL {told}"


def sees_database(raw: Any, name: str) -> bool:
    """Whether this account has any right on another database of the server."""
    with closing(raw.cursor()) as cursor:
        cursor.execute("SELECT 1 FROM information_schema.schemata WHERE lower(schema_name) = lower(%s)", (name,))
        return cursor.fetchone() is not None
