"""SQL Server, by pymssql (an extra). Tested as far as that goes without a server."""

from contextlib import closing
from typing import Any

import pymssql

from common.datasources.source import OFF, Source

PARAMSTYLE = "pyformat"
KEEPS_TIME = True


class CannotCancel(Exception):
    """The driver gives no way to end a statement from another thread: ending the process does."""


def options(source: Source, host: str, *, timeout: float) -> dict[str, Any]:
    """What the driver is told."""
    return {
        "server": host,
        "port": str(source.port),
        "user": source.username,
        "password": source.password,
        "database": source.database or "master",
        "login_timeout": max(1, int(timeout)),
        "timeout": int(source.statement_timeout or 0),
        "charset": "UTF-8",
        "appname": "rota",
        "autocommit": True,
        "use_datetime2": True,
        "encryption": "off" if source.tls == OFF else "require",
    }


def open(source: Source, host: str, *, timeout: float, read_only: bool) -> Any:
    """A raw connection; in autocommit mode."""
    return pymssql.connect(**options(source, host, timeout=timeout))


def set_timeout(raw: Any, seconds: float | None) -> None:
    """The driver has the server give up what takes longer."""
    raw._conn.query_timeout = int(seconds or 0)


def begin(raw: Any, *, read_only: bool) -> None:
    """There is no transaction that refuses changes: what may change nothing is taken back at its end."""
    _say(raw, "BEGIN TRANSACTION")


def finish(raw: Any, *, commit: bool) -> None:
    """Some errors have ended it already."""
    _say(raw, f"IF @@TRANCOUNT > 0 {'COMMIT' if commit else 'ROLLBACK'} TRANSACTION")


def _say(raw: Any, statement: str) -> None:
    with closing(raw.cursor()) as cursor:
        cursor.execute(statement)


def cancel(raw: Any, source: Source, host: str) -> None:
    """Not from another thread."""
    raise CannotCancel("the driver of SQL Server cannot; the connection is closed instead")


def stream(raw: Any) -> Any:
    """Every cursor reads as it goes."""
    return raw.cursor()


def version(raw: Any) -> str:
    """Such as "SQL Server 16.0.1000.6"."""
    with closing(raw.cursor()) as cursor:
        cursor.execute("SELECT CAST(SERVERPROPERTY('ProductVersion') AS NVARCHAR(64))")
        return f"SQL Server {cursor.fetchone()[0]}"


def sees_database(raw: Any, name: str) -> bool:
    """Rota itself never lives in SQL Server."""
    return False
