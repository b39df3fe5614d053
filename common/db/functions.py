"""SQL that every database words differently."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import Insert, Select, select
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


def insert_ignore(dialect_name: str, table: Table, rows: Sequence[Mapping[str, Any]]) -> Insert:
    """An INSERT of `rows` that passes over those whose unique key exists already."""
    if dialect_name == "postgresql":
        return postgresql.insert(table).values(rows).on_conflict_do_nothing()
    if dialect_name == "sqlite":
        return sqlite.insert(table).values(rows).on_conflict_do_nothing()
    # INSERT IGNORE would also swallow bad values; this touches nothing but duplicates.
    return mysql.insert(table).values(rows).on_duplicate_key_update(id=table.c.id)
