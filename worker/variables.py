"""The variables of what is about to start: read for these attempts only, decrypted here, kept nowhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select

from common.db.models import Variable, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.domain.variables import links
from common.errors import DomainError
from common.queue.claims import Claim
from common.security.encryption import Keyring
from common.services.variables import place

V = table_of(Variable)


class VariableMissing(Exception):
    """An attempt cannot start without this variable; the text names it and never a value."""


@dataclass(frozen=True, slots=True)
class Injected:
    """What an attempt gets in addition to its environment, and the names of those whose values its output must not
    show."""

    env: Mapping[str, str]
    masked: tuple[str, ...] = ()


NOTHING = Injected({})


async def stored(session: ReadSession, claims: Iterable[Claim]) -> Mapping[int, Record]:
    """The rows of all variables that these attempts use, by id; no query where none uses any."""
    ids = {variable_id for claim in claims for variable_id, _ in links(claim.spec)}
    if not ids:
        return {}
    rows = await session.execute(select(V.c.id, V.c.secret, V.c.value, V.c.sealed).where(V.c.id.in_(sorted(ids))))
    return {row.id: row for row in rows}


def inject(claim: Claim, rows: Mapping[int, Record], keyring: Keyring) -> Injected:
    """The variables of one attempt; raises VariableMissing, for an attempt never runs without one."""
    wanted = links(claim.spec)
    if not wanted:
        return NOTHING
    env, masked = {}, []
    for variable_id, name in wanted:
        row = rows.get(variable_id)
        if row is None:
            raise VariableMissing(f"the variable {name} does not exist any more")
        try:
            env[name] = keyring.open(row.sealed, place(variable_id)) if row.secret else row.value
        except DomainError as error:
            raise VariableMissing(f"the variable {name} cannot be decrypted: {error}") from None
        if row.secret:
            masked.append(name)
    return Injected(env, tuple(masked))
