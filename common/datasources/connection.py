"""A connection to a user's database, the same to work with whatever engine it is."""

import importlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, cast

from common.datasources import guard
from common.datasources.guard import Rules
from common.datasources.parameters import rewritten
from common.datasources.problems import Problem, driver_missing, explained
from common.datasources.source import Source

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

#: Seconds for reaching the server, and again for its welcome.
CONNECT_TIMEOUT = 10.0
#: Rows that are read at a time while streaming.
CHUNK = 1000

Row = Sequence[Any]
Parameters = Mapping[str, Any]


class Driver(Protocol):
    """What differs between engines; each of our engine modules is one."""

    #: How a statement names its parameters: "pyformat" %(name)s, "named" :name.
    PARAMSTYLE: str
    #: Whether the server ends a statement after a time that we set.
    KEEPS_TIME: bool

    def open(self, source: Source, host: str, *, timeout: float, read_only: bool) -> Any:
        """A raw connection to `host`, an address; in autocommit mode."""

    def set_timeout(self, raw: Any, seconds: float | None) -> None:
        """Have the server end statements that take longer; None = never."""

    def begin(self, raw: Any, *, read_only: bool) -> None:
        """Begin a transaction."""

    def finish(self, raw: Any, *, commit: bool) -> None:
        """End it."""

    def cancel(self, raw: Any, source: Source, host: str) -> None:
        """Have the server end the statement that runs; called by another thread."""

    def stream(self, raw: Any) -> Any:
        """A cursor that does not read all of a result at once."""

    def version(self, raw: Any) -> str:
        """What the server calls itself."""

    def sees_database(self, raw: Any, name: str) -> bool:
        """Whether this account may look into another database of the server."""


def driver_of(source: Source) -> Driver:
    """The module of a source's engine; raises Problem when its driver is not installed."""
    try:
        importlib.import_module(source.about.driver)
    except ImportError:
        raise driver_missing(source) from None
    return cast(Driver, importlib.import_module(f"common.datasources.{source.engine}"))


class Stream:
    """The rows of a query as they come from the server. `columns` are known before the first row."""

    def __init__(self, cursor: Any, size: int) -> None:
        self._cursor = cursor
        self._size = size
        self._first: list[Row] | None = None
        if cursor.description is None:
            # Some drivers know the columns of a streamed result only with its first rows.
            self._first = cursor.fetchmany(size)
        #: DB-API descriptions: name, type code, …
        self.description: Sequence[Sequence[Any]] = cursor.description or ()

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return [str(each[0]) for each in self.description]

    def __iter__(self) -> Iterator[list[Row]]:
        """Rows, some at a time."""
        rows = self._first if self._first is not None else self._cursor.fetchmany(self._size)
        while rows:
            yield list(rows)
            rows = self._cursor.fetchmany(self._size)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the rest of it up."""
        with suppress(Exception):
            self._cursor.close()


class Connection:
    """One connection. Outside of `begin` … `commit` every statement takes effect at once."""

    def __init__(self, source: Source, raw: Any, driver: Driver, host: str, *, read_only: bool) -> None:
        self.source = source
        self.raw = raw
        self.read_only = read_only
        self._driver = driver
        self._host = host
        self.in_transaction = False

    @property
    def keeps_time(self) -> bool:
        """Whether the server itself ends statements after their time."""
        return self._driver.KEEPS_TIME

    def set_timeout(self, seconds: float | None) -> None:
        """Have the server end statements that take longer."""
        self._driver.set_timeout(self.raw, seconds)

    def execute(self, statement: str, parameters: Parameters | None = None) -> Any:
        """Run one statement; returns the driver's cursor. `:name` stands for a parameter, which the driver binds."""
        cursor = self.raw.cursor()
        try:
            self._run(cursor, statement, parameters)
        except BaseException:
            with suppress(Exception):
                cursor.close()
            raise
        return cursor

    def executemany(self, statement: str, rows: Sequence[Parameters | Row]) -> int:
        """Run one statement for many rows, as the driver takes it (its own marks); returns how many rows it touched."""
        with closing(self.raw.cursor()) as cursor:
            cursor.executemany(statement, rows)
            return int(cursor.rowcount)

    def stream(self, statement: str, parameters: Parameters | None = None, *, size: int = CHUNK) -> Stream:
        """Run a query and read its rows as they come, in constant memory. One at a time, in a transaction or not."""
        cursor = self._driver.stream(self.raw)
        try:
            self._run(cursor, statement, parameters)
            return Stream(cursor, size)
        except BaseException:
            with suppress(Exception):
                cursor.close()
            raise

    def _run(self, cursor: Any, statement: str, parameters: Parameters | None) -> None:
        if not parameters:
            cursor.execute(statement)
            return
        text, used = rewritten(statement, parameters, self._driver.PARAMSTYLE, self.source.engine)
        if used:
            cursor.execute(text, used)
        else:
            cursor.execute(statement)

    def begin(self, *, read_only: bool | None = None) -> None:
        """Begin a transaction."""
        self._driver.begin(self.raw, read_only=self.read_only if read_only is None else read_only)
        self.in_transaction = True

    def commit(self) -> None:
        """Keep what was done since `begin`; what may change nothing is taken back whatever it did."""
        self._driver.finish(self.raw, commit=not self.read_only)
        self.in_transaction = False

    def rollback(self) -> None:
        """Take back what was done since `begin`."""
        self.in_transaction = False
        self._driver.finish(self.raw, commit=False)

    def cancel(self) -> None:
        """Have the server end the statement that runs; for another thread than that which waits for it."""
        self._driver.cancel(self.raw, self.source, self._host)

    def version(self) -> str:
        """What the server calls itself."""
        return self._driver.version(self.raw)

    def close(self) -> None:
        """Hang up."""
        with suppress(Exception):
            self.raw.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


def connect(
    source: Source,
    rules: Rules,
    *,
    read_only: bool = False,
    statement_timeout: float | None = None,
    timeout: float = CONNECT_TIMEOUT,
) -> Connection:
    """Connect to a source that may be reached; raises Problem, which says in plain words what is wrong.

    What the source itself says of read-only and time holds too, whatever is asked for here.
    """
    driver = driver_of(source)
    read_only = read_only or source.read_only
    if source.about.is_file:
        host = str(guard.file(source, rules))
        _must_exist(source, host)
        found = [host]
    else:
        found = guard.addresses(source, rules)
        host = _listening(source, found, timeout)
    try:
        raw = driver.open(source, host, timeout=timeout, read_only=read_only)
    except Exception as error:
        raise explained(error, source, timeout) from error
    made = Connection(source, raw, driver, host, read_only=read_only)
    try:
        if (
            not source.about.is_file
            and guard.is_own_server(source, found, rules)
            and driver.sees_database(raw, rules.own.database)
        ):
            raise guard.own_is_visible()
        limit = statement_timeout if statement_timeout is not None else source.statement_timeout
        if limit is not None:
            made.set_timeout(limit)
    except BaseException as error:
        made.close()
        if isinstance(error, guard.Refused | Problem) or not isinstance(error, Exception):
            raise
        raise explained(error, source, timeout) from error
    return made


def _must_exist(source: Source, path: str) -> None:
    """Raise Problem for a file that is not there or not readable: SQLite says nothing of use."""
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise explained(error, source, 0) from error


def _listening(source: Source, found: Sequence[str], timeout: float) -> str:
    """The first of these addresses that takes a connection; raises Problem."""
    last: OSError | None = None
    for address in found:
        try:
            socket.create_connection((address, source.port), timeout=timeout).close()
        except OSError as error:
            last = error
        else:
            return address
    assert last is not None
    raise explained(last, source, timeout) from last


def engine(source: Source, rules: Rules, **options: Any) -> "Engine":
    """SQLAlchemy's engine for a source, without a pool; every connection of it is one of `connect`."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    dialect = {
        "mysql": "mysql+pymysql",
        "postgresql": "postgresql+psycopg",
        "sqlite": "sqlite",
        "oracle": "oracle+oracledb",
        "sqlserver": "mssql+pymssql",
    }[source.engine]

    def made() -> Any:
        raw = connect(source, rules, **options).raw
        if source.engine == "postgresql":
            raw.autocommit = False
        elif source.engine == "sqlite":
            raw.isolation_level = ""
        else:
            raw.autocommit(False) if callable(getattr(raw, "autocommit", None)) else setattr(raw, "autocommit", False)
        return raw

    return create_engine(f"{dialect}://", creator=made, poolclass=NullPool)
