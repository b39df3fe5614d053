"""Queries to the data sources of the task, with whatever driver is installed for them."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from . import _sql
from ._job import RotaError, data_sources

Row = dict[str, Any]
_open: dict[str, Any] = {}


def sources() -> list[str]:
    """Names of the data sources that this task may use."""
    return sorted(data_sources())


def connect(source: str | None = None) -> Any:
    """A new connection of the driver (DB-API), to be closed by you. Without a name: the task's only data source."""
    about = _about(source)
    return _CONNECT[about["kind"]](about)


def query(source: str | None, sql: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> list[Row]:
    """All rows of a query, each a dict: `rota.query("shop", "SELECT * FROM orders WHERE day = :day", day=today)`."""
    return list(rows(source, sql, parameters, **more))


def rows(source: str | None, sql: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> Iterator[Row]:
    """The same row by row, for results that are too large for memory."""
    about = _about(source)
    connection = _CONNECT[about["kind"]](about)
    try:
        cursor = _cursor(connection, about["kind"])
        _execute(cursor, about["kind"], sql, {**(parameters or {}), **more})
        names = [column[0] for column in cursor.description or ()]
        while found := cursor.fetchmany(1000):
            for row in found:
                yield dict(zip(names, row))
    finally:
        connection.close()


def execute(source: str | None, sql: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> int:
    """Run a statement that changes something, in a transaction of its own; returns how many rows it changed."""
    with transaction(source) as run:
        return int(run(sql, parameters, **more))


@contextmanager
def transaction(source: str | None = None) -> Iterator[Any]:
    """One transaction: `with rota.transaction("shop") as run: run("UPDATE …", id=5)`; an exception takes it back.

    What is run returns how many rows it changed.
    """
    about = _about(source)
    connection = _CONNECT[about["kind"]](about)

    def run(sql: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> int:
        cursor = connection.cursor()
        try:
            _execute(cursor, about["kind"], sql, {**(parameters or {}), **more})
            return int(cursor.rowcount)
        finally:
            cursor.close()

    try:
        yield run
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.close()


def _about(source: str | None) -> dict[str, Any]:
    known = data_sources()
    if source is None and len(known) == 1:
        return next(iter(known.values()))
    if source in known:
        return known[source]
    have = ", ".join(sorted(known)) or "none"
    wanted = f"no data source named {source!r}" if source else "more or less than one data source"
    raise RotaError(f"this task has {wanted} (it has: {have}). Choose it in the task's form.")


def _execute(cursor: Any, kind: str, sql: str, parameters: dict[str, Any]) -> None:
    if not parameters:
        cursor.execute(sql)
        return
    style = "named" if kind in ("sqlite", "oracle") else "pyformat"
    cursor.execute(_sql.translate(sql, style), _sql.given(sql, parameters))


def _cursor(connection: Any, kind: str) -> Any:
    """A cursor whose rows stay on the server until they are read, where there are such cursors."""
    if kind == "mysql":
        return connection.cursor(_driver("pymysql.cursors", "pymysql").SSCursor)
    if kind == "postgresql" and type(connection).__module__.startswith("psycopg"):
        cursor = connection.cursor("rota")
        cursor.itersize = 1000
        return _Streamed(connection, cursor)
    return connection.cursor()


class _Streamed:
    """A cursor on PostgreSQL's side; what is no query (it has no rows) it runs as it is."""

    def __init__(self, connection: Any, cursor: Any) -> None:
        self._connection = connection
        self._cursor = cursor

    def execute(self, sql: str, *parameters: Any) -> None:
        if not sql.lstrip(" \t\r\n(").lower().startswith(("select", "with", "values", "table")):
            self._cursor = self._connection.cursor()
        self._cursor.execute(sql, *parameters)

    @property
    def description(self) -> Any:
        return self._cursor.description

    def fetchmany(self, size: int) -> Any:
        return self._cursor.fetchmany(size) if self._cursor.description else []


def _driver(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise RotaError(
            f"this Python has no driver for the data source: it needs the package {package}"
            f" (pip install {package}, or name it in the program's inline metadata)"
        ) from None


def _mysql(about: dict[str, Any]) -> Any:
    connection = _driver("pymysql", "pymysql").connect(
        host=about["host"],
        port=about["port"],
        user=about["user"],
        password=about["password"],
        database=about["database"] or None,
        charset="utf8mb4",
        local_infile=False,
        **({"ssl_disabled": True} if about["tls"] == "off" else {"ssl": _context(about)}),
    )
    cursor = connection.cursor()
    if about["read_only"]:
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
    if about["statement_timeout"] and "mariadb" in str(connection.get_server_info()).lower():
        cursor.execute("SET SESSION max_statement_time = %s", (about["statement_timeout"],))
    elif about["statement_timeout"]:
        cursor.execute("SET SESSION max_execution_time = %s", (int(about["statement_timeout"] * 1000),))
    cursor.close()
    return connection


def _context(about: dict[str, Any]) -> Any:
    import ssl

    context = ssl.create_default_context(cadata=about["tls_ca"] or None)
    if about["tls"] != "verify":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _postgresql(about: dict[str, Any]) -> Any:
    try:
        driver = importlib.import_module("psycopg")
    except ImportError:
        driver = _driver("psycopg2", "psycopg[binary]")
    options = []
    if about["read_only"]:
        options.append("-c default_transaction_read_only=on")
    if about["statement_timeout"]:
        options.append(f"-c statement_timeout={int(about['statement_timeout'] * 1000)}")
    given = {
        "host": about["host"],
        "port": about["port"],
        "user": about["user"],
        "password": about["password"],
        "dbname": about["database"],
        "options": " ".join(options),
        "sslmode": {"off": "disable", "require": "require"}.get(about["tls"], "verify-full"),
    }
    if about["tls"] != "verify":
        return driver.connect(**given)
    if not about["tls_ca"]:
        return driver.connect(**given, sslrootcert="system")
    with tempfile.NamedTemporaryFile(suffix=".pem") as authorities:
        authorities.write(about["tls_ca"].encode())
        authorities.flush()
        return driver.connect(**given, sslrootcert=authorities.name)


def _sqlite(about: dict[str, Any]) -> Any:
    import sqlite3

    mode = "ro" if about["read_only"] else "rw"
    return sqlite3.connect(f"file:{quote(about['database'])}?mode={mode}", uri=True, timeout=30)


def _oracle(about: dict[str, Any]) -> Any:
    service = about["database"]
    connection = _driver("oracledb", "oracledb").connect(
        user=about["user"],
        password=about["password"],
        host=about["host"],
        port=about["port"],
        protocol="tcp" if about["tls"] == "off" else "tcps",
        ssl_server_dn_match=about["tls"] == "verify",
        **({"sid": service[4:]} if service.startswith("sid:") else {"service_name": service}),
    )
    connection.call_timeout = int((about["statement_timeout"] or 0) * 1000)
    return connection


def _mssql(about: dict[str, Any]) -> Any:
    return _driver("pymssql", "pymssql").connect(
        server=about["host"],
        port=about["port"],
        user=about["user"],
        password=about["password"],
        database=about["database"],
        timeout=int(about["statement_timeout"] or 0),
        encryption="off" if about["tls"] == "off" else "require",
    )


_CONNECT = {"mysql": _mysql, "postgresql": _postgresql, "sqlite": _sqlite, "oracle": _oracle, "mssql": _mssql}
