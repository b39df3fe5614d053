"""SQL that every database words differently."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Double, Integer, literal
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import Select, select
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

from common.db.types import UtcDateTime


class utc_clock(FunctionElement[datetime]):
    """The database's clock at the moment the statement runs, in UTC with microseconds (SQLite: milliseconds)."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(utc_clock)
def _clock(element: utc_clock, compiler: SQLCompiler, **kw: Any) -> str:
    # now() would stand still for the length of a transaction.
    return "clock_timestamp()"


@compiles(utc_clock, "mysql")
@compiles(utc_clock, "mariadb")
def _clock_mysql(element: utc_clock, compiler: SQLCompiler, **kw: Any) -> str:
    return "UTC_TIMESTAMP(6)"


@compiles(utc_clock, "sqlite")
def _clock_sqlite(element: utc_clock, compiler: SQLCompiler, **kw: Any) -> str:
    # SQLite before 3.42 has no unixepoch('subsec'); the text is what SQLAlchemy stores.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


def clock_statement() -> Select[datetime]:
    """The statement that reads the database's clock."""
    return select(utc_clock())


def returns_what_it_joined(session: AsyncSession) -> bool:
    """Whether an UPDATE can return columns of the tables it is joined with. SQLAlchemy believes that of SQLite too."""
    return session.get_bind().dialect.name == "postgresql"


def sorts_by_what_is_the_same(session: AsyncSession) -> bool:
    """Whether rows come in the order of an index only if its leading columns are named too, which are the same for all
    of them. MariaDB sorts them if they are."""
    return session.get_bind().dialect.name == "postgresql"


class seconds_between(FunctionElement[float]):
    """Seconds from the first instant to the second; NULL where one of them is."""

    type = Double()
    inherit_cache = True


@compiles(seconds_between)
def _seconds(element: seconds_between, compiler: SQLCompiler, **kw: Any) -> str:
    begin, end = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"extract(epoch from {end} - {begin})"


@compiles(seconds_between, "mysql")
@compiles(seconds_between, "mariadb")
def _seconds_mysql(element: seconds_between, compiler: SQLCompiler, **kw: Any) -> str:
    begin, end = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"TIMESTAMPDIFF(MICROSECOND, {begin}, {end}) / 1000000.0"


@compiles(seconds_between, "sqlite")
def _seconds_sqlite(element: seconds_between, compiler: SQLCompiler, **kw: Any) -> str:
    begin, end = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(julianday({end}) - julianday({begin})) * 86400.0"


class slot_of(FunctionElement[int]):
    """Which stretch of time some seconds fall into: `slot_of(seconds, width)` is seconds / width, rounded down."""

    type = Integer()
    inherit_cache = True


@compiles(slot_of)
def _slot(element: slot_of, compiler: SQLCompiler, **kw: Any) -> str:
    seconds, width = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(floor(({seconds}) / {width}) AS INTEGER)"


@compiles(slot_of, "mysql")
@compiles(slot_of, "mariadb")
def _slot_mysql(element: slot_of, compiler: SQLCompiler, **kw: Any) -> str:
    seconds, width = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(floor(({seconds}) / {width}) AS SIGNED)"


@compiles(slot_of, "sqlite")
def _slot_sqlite(element: slot_of, compiler: SQLCompiler, **kw: Any) -> str:
    # Without a library of its own SQLite has no floor(); what is never below zero may be cut off.
    seconds, width = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(({seconds}) / {width} AS INTEGER)"


class unled(FunctionElement[Any]):
    """A column, and on SQLite no reason to take an index on it: knowing nothing of what is in a table, it believes that
    of the executions of some states there are few, and reads all by those for what one by their end finds at once."""

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(unled)
def _unled(element: unled, compiler: SQLCompiler, **kw: Any) -> str:
    (column,) = element.clauses
    return compiler.process(column, **kw)


@compiles(unled, "sqlite")
def _unled_sqlite(element: unled, compiler: SQLCompiler, **kw: Any) -> str:
    (column,) = element.clauses
    return f"+{compiler.process(column, **kw)}"


class contains(FunctionElement[bool]):
    """Whether a text contains another one, whatever the case of its letters: `contains(column, text)`."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[str], text: str) -> None:
        escaped = text.replace("/", "//").replace("%", "/%").replace("_", "/_")
        super().__init__(column, literal(f"%{escaped}%"))


@compiles(contains)
def _contains(element: contains, compiler: SQLCompiler, **kw: Any) -> str:
    column, pattern = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(lower({column}) LIKE lower({pattern}) ESCAPE '/')"


@compiles(contains, "postgresql")
def _contains_postgresql(element: contains, compiler: SQLCompiler, **kw: Any) -> str:
    column, pattern = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({column} ILIKE {pattern} ESCAPE '/')"


@compiles(contains, "sqlite")
def _contains_sqlite(element: contains, compiler: SQLCompiler, **kw: Any) -> str:
    # Its LIKE knows no case of ASCII letters, and lower() no other ones either: done twice it takes twice as long.
    column, pattern = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({column} LIKE {pattern} ESCAPE '/')"
