"""Oracle from 12.1 on, by oracledb in thin mode (an extra). Tested as far as that goes without a server."""

from contextlib import suppress
from typing import Any

import oracledb

from common.datasources.source import OFF, VERIFY, Source

PARAMSTYLE = "named"
KEEPS_TIME = True

#: A script's numbers keep their digits, and large texts come as text.
oracledb.defaults.fetch_decimals = True
oracledb.defaults.fetch_lobs = False


def options(source: Source, host: str, *, timeout: float) -> dict[str, Any]:
    """What the driver is told. A database called "sid:NAME" is an old one that has no service name."""
    sid = source.database.removeprefix("sid:") if source.database.startswith("sid:") else None
    return {
        "user": source.username,
        "password": source.password,
        # With TLS the name is needed for the certificate.
        "host": host if source.tls == OFF else source.host,
        "port": source.port,
        **({"sid": sid} if sid else {"service_name": source.database}),
        "protocol": "tcp" if source.tls == OFF else "tcps",
        "ssl_server_dn_match": source.tls == VERIFY,
        "tcp_connect_timeout": timeout,
        "retry_count": 0,
    }


def open(source: Source, host: str, *, timeout: float, read_only: bool) -> Any:
    """A raw connection; in autocommit mode."""
    raw = oracledb.connect(**options(source, host, timeout=timeout))
    raw.autocommit = True
    with suppress(oracledb.Error):
        raw.module = "rota"
    return raw


def set_timeout(raw: Any, seconds: float | None) -> None:
    """The driver breaks the call on the server."""
    raw.call_timeout = int((seconds or 0) * 1000)


def begin(raw: Any, *, read_only: bool) -> None:
    """Transactions begin by themselves."""
    raw.autocommit = False
    if read_only:
        with raw.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")


def finish(raw: Any, *, commit: bool) -> None:
    """End it."""
    raw.commit() if commit else raw.rollback()
    raw.autocommit = True


def cancel(raw: Any, source: Source, host: str) -> None:
    """Break the call that runs."""
    raw.cancel()


def stream(raw: Any) -> Any:
    """Every cursor reads as it goes."""
    cursor = raw.cursor()
    cursor.arraysize = 1000
    return cursor


def version(raw: Any) -> str:
    """Such as "Oracle 19.3.0.0.0"."""
    return f"Oracle {raw.version}"


def sees_database(raw: Any, name: str) -> bool:
    """Rota itself never lives in an Oracle database."""
    return False
