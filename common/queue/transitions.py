"""The only place that changes an execution's state; every change is a guarded UPDATE.

The table of moves is `common.domain.states.TRANSITIONS`. A guard names the states a row may be in, so that of two
that want the same row the second changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, or_, update
from sqlalchemy.sql.dml import Update

from common.db.bulk import Value, run_each
from common.db.models import Execution, table_of
from common.db.session import WriteSession
from common.domain.states import TRANSITIONS, Status

E = table_of(Execution)


def move(to: Status, *, origin: Iterable[Status], where: Sequence[ColumnElement[bool]], **values: Any) -> Update:
    """The statement that takes rows of `where` that are in one of `origin` to `to`, setting `values` with it.

    Raises ValueError for a move the table does not allow: a bug, found by the first test that comes by.
    """
    origins = [Status(state) for state in origin]
    for state in origins:
        if to not in TRANSITIONS[state]:
            raise ValueError(f"{state} -> {to} is not a transition")
    # Not IN (…): its parameters expand, which executemany cannot do.
    guard = or_(*(E.c.status == state for state in origins))
    return update(E).where(guard, *where).values(status=to, **values)


async def settle_each(session: WriteSession, to: Status, rows: Sequence[Mapping[str, Any]], *columns: str) -> None:
    """Take each of `rows` (`row_id`, `row_token`, and a value for each of `columns`) to `to`, guarded by its token.

    The caller holds the rows' locks and has read their states, so that nothing can be passed over silently.
    """
    types = (("row_id", E.c.id.type), ("row_token", E.c.token.type), *((name, E.c[name].type) for name in columns))
    await run_each(session, _settling(to, columns), types, rows)


@lru_cache(maxsize=64)
def _settling(to: Status, columns: tuple[str, ...]) -> Callable[[Value], Update]:
    origin = [state for state, targets in TRANSITIONS.items() if to in targets]

    def build(value: Value) -> Update:
        where = [E.c.id == value("row_id"), E.c.token == value("row_token")]
        return move(to, origin=origin, where=where, **{name: value(name) for name in columns})

    return build
