"""Changing the encryption key: every column of secrets is sealed anew, in batches, while Rota runs.

The new key stands first in the file from the beginning, the old ones stay until nothing is sealed with them. Whatever
stops this, doing it again goes on where it was.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import partial

from sqlalchemy import Column, Select, Table, func, not_, select, update

from common.db.models import metadata
from common.db.session import Database, ReadSession, WriteSession
from common.db.types import Ciphertext
from common.security.encryption import Keyring, Place, key_name, sealed_with
from common.services import audit
from common.services.audit import Thing

_BATCH = 200


def columns() -> Iterator[tuple[Table, Column[str]]]:
    """Every column that holds secrets."""
    for table in metadata.sorted_tables:
        yield from ((table, column) for column in table.columns if isinstance(column.type, Ciphertext))


async def uses(session: ReadSession) -> Counter[str]:
    """How many secrets are sealed with each key, by its name."""
    found: Counter[str] = Counter()
    for _, column in columns():
        prefix = func.substr(column, 1, len(sealed_with("0" * 8)))
        rows = await session.execute(select(prefix, func.count()).where(column != "").group_by(prefix))
        for text, count in rows:
            found[key_name(text)] += count
    return found


async def reseal(database: Database, keyring: Keyring) -> int:
    """Seal everything with the current key, a transaction each batch; returns how many secrets were changed.

    Raises KeyMissing for a secret that no key of this machine opens.
    """
    changed = 0
    for table, column in columns():
        batch = partial(_step, table=table, column=column, keyring=keyring)
        after: int | None = 0
        while after is not None:
            after, count = await database.transact(partial(batch, after=after))
            changed += count
    return changed


async def _step(
    session: WriteSession, *, table: Table, column: Column[str], keyring: Keyring, after: int
) -> tuple[int | None, int]:
    """One batch of rows behind the id `after`: the last id (None at the end), and how many were sealed anew."""
    rows = (await session.execute(_old(table, column, keyring.keys()[0].name, after))).all()
    for row_id, sealed in rows:
        place = Place(table.name, column.name, row_id)
        anew = keyring.seal(keyring.open(sealed, place), place)
        await session.execute(update(table).where(table.c.id == row_id).values({column.name: anew}))
    return (rows[-1][0] if rows else None), len(rows)


def _old(table: Table, column: Column[str], current: str, after: int) -> Select[int, str]:
    return (
        select(table.c.id, column)
        .where(table.c.id > after, column != "", not_(column.startswith(sealed_with(current))))
        .order_by(table.c.id)
        .limit(_BATCH)
        .with_for_update()
    )


async def note(session: WriteSession, keyring: Keyring, count: int, *, now: datetime) -> None:
    """Write down that the key was changed."""
    name = keyring.keys()[0].name
    await audit.record(session, "keys.rotate", Thing("key", name, name), now=now, details={"secrets": count})
