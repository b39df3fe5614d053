"""Statements that are run all the time: built and compiled once, and given to the driver as they are.

SQLAlchemy builds a statement, finds it in its cache and prepares its parameters each time, which costs more than
running it does. Errors, pooling and transactions stay SQLAlchemy's.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, ColumnElement, Text, any_, bindparam, func, select
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.sql import Executable
from sqlalchemy.types import TypeDecorator

#: PostgreSQL's number of the type double precision.
_FLOAT8 = 701
_Process = Callable[[Any], Any] | None


class Compiled(NamedTuple):
    """A statement as a driver takes it."""

    text: str
    #: In the driver's order: the name, the value where it is always the same, and what makes of a value what the
    #: driver takes.
    parameters: tuple[tuple[str, Any, _Process], ...]
    #: What makes of what the driver gives a value, for each column.
    columns: tuple[_Process, ...]

    def arguments(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The parameters in the driver's order. Raises StatementError for a value that a type refuses."""
        try:
            return tuple(
                [
                    values.get(name, fixed) if process is None else process(values.get(name, fixed))
                    for name, fixed, process in self.parameters
                ]
            )
        except ValueError as error:
            raise StatementError(str(error), self.text, None, error, hide_parameters=True) from error


class Once:
    """Compiles a statement once for the database of this process; `finish` may change its text."""

    def __init__(self, statement: Executable, finish: Callable[[str], str] = str) -> None:
        self._statement: Any = statement
        self._finish = finish
        self._compiled: dict[str, Compiled] = {}

    def __call__(self, connection: AsyncConnection) -> Compiled:
        """The statement as this connection's driver takes it."""
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _compile(self._statement, dialect, self._finish)
        return found


def _compile(statement: Any, dialect: Dialect, finish: Callable[[str], str]) -> Compiled:
    made: Any = statement.compile(dialect=dialect)
    # What an insert does not name gets its column's default; functions as defaults are not for here.
    defaults = {each.key: each.default.arg for each in getattr(made, "insert_prefetch", ()) if each.default.is_scalar}
    processes, fixed = made._bind_processors, made.params | defaults
    parameters = tuple((name, fixed.get(name), processes.get(name)) for name in made.positiontup)
    # asyncpg asks how a number comes: ours come as double precision.
    columns = [each.type._cached_result_processor(dialect, _FLOAT8) for each in made._result_columns]
    return Compiled(finish(made.string), parameters, tuple(columns))


class Prepared:
    """A statement that returns rows. `build` makes it for the database of the name it is given; `lists` says whether it
    may have some (`one_of`)."""

    def __init__(self, build: Callable[[str], Executable], *, lists: bool = True) -> None:
        self._lists = lists
        self._build = lru_cache(build)
        self._once = lru_cache(lambda dialect: Once(build(dialect)))

    async def __call__(self, session: AsyncSession, **values: Any) -> list[tuple[Any, ...]]:
        """Run it with these parameters; returns its rows as tuples, in the order of its columns."""
        connection = await session.connection()
        dialect = connection.dialect.name
        if dialect == "mysql" and self._lists:  # there, lists are written into the text
            return [tuple(row) for row in await session.execute(self._build(dialect), values)]
        compiled = self._once(dialect)(connection)
        rows = await connection.exec_driver_sql(compiled.text, compiled.arguments(values))
        return [
            tuple([value if process is None else process(value) for value, process in zip(row, columns, strict=True)])
            for columns in (compiled.columns,)
            for row in rows
        ]


class _JsonList(TypeDecorator[list[Any]]):
    """A list as the JSON that SQLite's json_each takes apart."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: list[Any] | None, dialect: Dialect) -> str:
        return json.dumps(value)


def one_of(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether `column` is in the list that is given as parameter `name`: one text for lists of any length, as every
    other one would be parsed and planned by itself."""
    match dialect:
        case "postgresql":
            return column == any_(bindparam(name, type_=ARRAY(column.type)))
        case "sqlite":
            items = func.json_each(bindparam(name, type_=_JsonList())).table_valued("value", name=f"{name}_items")
            return column.in_(select(items.c.value))
        case _:
            return column.in_(bindparam(name, expanding=True, type_=column.type))
