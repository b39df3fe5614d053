"""Many rows in one statement, which every database words differently.

One message with all rows costs a fraction of a message a row: PostgreSQL takes arrays, MySQL and MariaDB a JSON
document. SQLite is called, not written to: it is given row by row.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    FromClause,
    String,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.sql import Executable, Insert
from sqlalchemy.sql.schema import Table
from sqlalchemy.types import TypeEngine

from common.db.prepared import Once

Rows = Sequence[Mapping[str, Any]]
#: The names and types of what a row has.
Types = tuple[tuple[str, TypeEngine[Any]], ...]
#: Gives the column of this name in the row at hand.
Value = Callable[[str], ColumnElement[Any]]
#: Characters of a document: MySQL takes 16 MiB in a packet, and escapes them.
_SIZE = 4 << 20
_DOCUMENT = "rows"
_UPDATE = re.compile(r"^UPDATE (\w+), (json_table\(.*\) AS given) SET ", re.DOTALL)


async def run_each(
    session: AsyncSession, build: Callable[[Value], Executable], types: Types, rows: Rows, **same: Any
) -> int:
    """Run for each of `rows` the statement that `build` makes: one statement for all of them where the database can do
    that, so that no row may depend on another. Returns how many rows it found.

    `types` names all that the statement takes; what is the `same` for all rows need not be in them. `build` must be a
    pure function that lives as long as the process: what it makes is kept. No bytes.
    """
    if not rows:
        return 0
    connection = await session.connection()
    own = tuple(each for each in types if each[0] not in same)
    match connection.dialect.name:
        case "postgresql":
            lists = {name: _list(kind, [row[name] for row in rows]) for name, kind in own}
            return await _run(connection, _of_arrays(build, types, own), lists | same)
        case "mysql":
            statement = _of_document(build, types, own)
            documents = _documents(own, rows, connection.dialect)
            return sum([await _run(connection, statement, {_DOCUMENT: document, **same}) for document in documents])
        case _:
            return await _run(connection, _of_row(build, types), [{**same, **row} for row in rows] if same else rows)


async def _run(connection: AsyncConnection, statement: Once, values: Mapping[str, Any] | Rows) -> int:
    compiled = statement(connection)
    if isinstance(values, Mapping):
        given: Any = compiled.arguments(values)
    else:
        given = [compiled.arguments(row) for row in values]
    found = await connection.exec_driver_sql(compiled.text, given)
    return int(found.rowcount)


async def insert_ignore(session: AsyncSession, table: Table, rows: Rows) -> None:
    """Insert `rows`, all with the same columns; those whose unique key exists already are passed over."""
    if not rows:
        return
    names = tuple(rows[0])
    connection = await session.connection()
    if connection.dialect.name == "postgresql":
        types = tuple((name, table.c[name].type) for name in names)
        first = rows[0]
        # Most of what rows are made of is the same for all of them, and an item of an array costs as it does alone.
        same = {name: first[name] for name in names if all(row[name] is first[name] for row in rows)}
        if len(same) < len(names):
            await run_each(session, _inserting(table, names), types, rows, **same)
        else:
            await run_each(session, _inserting(table, names), types, rows)
    else:
        # MySQL's driver makes one statement of them. INSERT … SELECT would hold the lock of the whole table's ids.
        await _run(connection, _insert(connection.dialect.name, table, names), rows)


@lru_cache(maxsize=64)
def _inserting(table: Table, names: tuple[str, ...]) -> Callable[[Value], Insert]:
    def build(value: Value) -> Insert:
        source = select(*(value(name) for name in names))
        return postgresql.insert(table).from_select(names, source).on_conflict_do_nothing()

    return build


@lru_cache(maxsize=64)
def _insert(dialect_name: str, table: Table, names: tuple[str, ...]) -> Once:
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    if dialect_name == "sqlite":
        return Once(sqlite.insert(table).values(values).on_conflict_do_nothing())
    # INSERT IGNORE would also swallow bad values; this touches nothing but duplicates.
    return Once(mysql.insert(table).values(values).on_duplicate_key_update(id=table.c.id))


@lru_cache(maxsize=256)
def _of_row(build: Callable[[Value], Executable], types: Types) -> Once:
    kinds = dict(types)
    return Once(build(lambda name: bindparam(name, type_=kinds[name])))


def _of(given: FromClause, types: Types) -> Value:
    """Values of the rows where they have them, of all of them where not."""
    kinds = dict(types)
    return lambda name: given.c[name] if name in given.c else bindparam(name, type_=kinds[name])


# --- PostgreSQL ---


@lru_cache(maxsize=256)
def _of_arrays(build: Callable[[Value], Executable], types: Types, own: Types) -> Once:
    kinds = [(name, Text() if isinstance(kind, JSON) else kind) for name, kind in own]
    arrays = [bindparam(name, type_=postgresql.ARRAY(kind)) for name, kind in kinds]
    columns = [column(name, kind) for name, kind in kinds]
    given = func.unnest(*arrays).table_valued(*columns, name="given").render_derived(name="given")
    value = _of(given, types)
    documents = {name: kind for name, kind in own if isinstance(kind, JSON)}
    return Once(build(lambda name: cast(value(name), documents[name]) if name in documents else value(name)))


def _list(kind: TypeEngine[Any], values: list[Any]) -> list[Any]:
    """An array's items. JSON goes as text: a list in it would be taken for one more dimension of the array."""
    if not isinstance(kind, JSON):
        return values
    nothing = None if kind.none_as_null else "null"
    return [nothing if value is None else json.dumps(value, ensure_ascii=False) for value in values]


# --- MySQL, MariaDB ---


@lru_cache(maxsize=256)
def _of_document(build: Callable[[Value], Executable], types: Types, own: Types) -> Once:
    words = ", ".join(
        f"`{name}` {_word(kind)} PATH '$[{place}]' NULL ON EMPTY ERROR ON ERROR"
        for place, (name, kind) in enumerate(own)
    )
    document = bindparam(_DOCUMENT, type_=String())
    table = func.json_table(document, literal_column(f"'$[*]' COLUMNS ({words})"))
    given = table.table_valued(*(column(name, kind) for name, kind in own), name="given")
    return Once(build(_of(given, types)), finish=_given_first)


def _given_first(statement: str) -> str:
    """Have an UPDATE look up the rows that are given: a small table it would read, and lock, as a whole."""
    return _UPDATE.sub(r"UPDATE \2 STRAIGHT_JOIN \1 SET ", statement)


def _word(kind: TypeEngine[Any]) -> str:
    """The type as it is written in JSON_TABLE. A JSON value goes through it as text."""
    if isinstance(kind, JSON):
        return "LONGTEXT CHARACTER SET utf8mb4"
    word = kind.compile(mysql.dialect())
    return f"{word} CHARACTER SET utf8mb4" if "CHAR" in word or "TEXT" in word else word


def _documents(types: Types, rows: Rows, dialect: Dialect) -> Iterator[str]:
    """The rows as JSON, in pieces that a packet can take."""
    processors = [(name, kind.dialect_impl(dialect).bind_processor(dialect)) for name, kind in types]
    pieces: list[str] = []
    size = 0
    for row in rows:
        try:
            values = [process(row[name]) if process else row[name] for name, process in processors]
        except ValueError as error:
            raise StatementError(str(error), None, None, error, hide_parameters=True) from error
        piece = json.dumps(values, ensure_ascii=False, default=_instant)
        if pieces and size + len(piece) > _SIZE:
            yield f"[{','.join(pieces)}]"
            pieces, size = [], 0
        pieces.append(piece)
        size += len(piece)
    yield f"[{','.join(pieces)}]"


def _instant(value: datetime) -> str:
    """A datetime, which has been made naive UTC."""
    return value.isoformat(" ", "microseconds")
