"""Variables: create, change, delete, and give to tasks. The value of a secret goes in and never comes out here.

Who may use a variable may give it to a task (`bind`); from then on the task has it, whoever owns the task or edits it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from common.db.models import Variable
from common.db.session import ReadSession, WriteSession
from common.db.types import Record
from common.domain.permissions import sees_all
from common.domain.variables import EVERYONE, SHORTEST, is_maskable, links, may_edit, may_use, scope_of
from common.errors import Conflict, Forbidden, Invalid, NotFound
from common.fields import MAX_ARGUMENT, Flag, Prose, VariableName
from common.queries import variables as queries
from common.security.encryption import Keyring, Place
from common.services import audit
from common.services.audit import Thing

_NAMES_SHOWN = 5
Value = Annotated[Prose, Field(max_length=MAX_ARGUMENT)]


class VariableUpdate(BaseModel):
    """What to change; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    value: Value | None = Field(None, description="Written, never shown again when the variable is a secret.")
    secret: Flag | None = Field(None, description="A plain variable may become a secret, never the other way.")
    description: Annotated[Prose, Field(max_length=1000)] | None = None


class VariableInput(VariableUpdate):
    """A variable as people describe it."""

    name: VariableName = Field(examples=["DB_PASSWORD"], description="Its name in the environment of tasks.")
    value: Value = Field(
        examples=["a long secret"], description="Written, never shown again when the variable is a secret."
    )
    secret: Flag = True
    description: Annotated[Prose, Field(max_length=1000)] = ""
    scope: Literal["own", "everyone"] = Field(
        "own", description="Whose tasks may use it. Only administrators make variables for everyone."
    )


def _place(row: Variable) -> Place:
    assert row.id is not None
    return place(row.id)


def place(variable_id: int) -> Place:
    """Where the secret of a variable is sealed."""
    return Place("variables", "sealed", variable_id)


async def get(session: ReadSession, variable_id: int) -> Record:
    """The variable without what a secret holds; raises NotFound."""
    found = await queries.by_id(session, variable_id)
    if found is None:
        raise NotFound("There is no variable {id}.", id=variable_id)
    return found


async def create(session: WriteSession, data: VariableInput, *, keyring: Keyring, now: datetime) -> Record:
    """Store a new variable; raises Forbidden, Invalid, Conflict when the name is taken, KeyMissing."""
    actor = session.actor
    if data.scope == EVERYONE and not sees_all(actor):
        raise Forbidden("Only administrators make and change variables for everyone.")
    owner_id = None if data.scope == EVERYONE else actor.user_id
    row = Variable(
        name=data.name,
        scope=scope_of(owner_id),
        owner_id=owner_id,
        secret=data.secret,
        description=data.description,
        created_at=now,
        updated_at=now,
        updated_by=actor.name,
    )
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Conflict("The variable {name} exists already.", field="name", name=data.name) from None
    _put(row, data.value, keyring)
    await session.flush()
    await _note(session, "variable.create", row, now=now)
    assert row.id is not None
    return await get(session, row.id)


async def update(
    session: WriteSession, variable_id: int, data: VariableUpdate, *, keyring: Keyring, now: datetime
) -> Record:
    """Change a variable, for all that starts from now on; raises NotFound, Forbidden, Invalid, KeyMissing."""
    row = await _lock(session, variable_id)
    if row.secret and data.secret is False:
        raise Invalid("A secret cannot be made readable. Create another variable instead.", field="secret")
    becomes_secret = bool(data.secret) and not row.secret
    value = row.value if becomes_secret and data.value is None else data.value
    row.secret = row.secret or becomes_secret
    if value is not None:
        _put(row, value, keyring)
    if data.description is not None:
        row.description = data.description
    row.updated_at, row.updated_by = now, session.actor.name[:64]
    await session.flush()
    await _note(session, "variable.update", row, now=now, value=value is not None)
    return await get(session, variable_id)


def _put(row: Variable, value: str, keyring: Keyring) -> None:
    """Put the value where it belongs; raises Invalid for a secret that could not be masked."""
    if len(value.encode()) > MAX_ARGUMENT:
        raise Invalid("Must not be longer than {most} bytes.", field="value", most=f"{MAX_ARGUMENT:,}")
    if not row.secret:
        row.value = value
        return
    if not is_maskable(value):
        text = "A secret needs a line of {count} characters at least: a shorter one cannot be masked in output."
        raise Invalid(text, field="value", count=SHORTEST)
    row.value, row.sealed = "", keyring.seal(value, _place(row))


async def delete(session: WriteSession, variable_id: int, *, force: bool = False, now: datetime) -> None:
    """Delete a variable; raises NotFound, Forbidden, and Conflict naming tasks that use it.

    With `force` it goes all the same, and executions of those tasks fail and say why.
    """
    row = await _lock(session, variable_id)
    used = await queries.count_users(session, variable_id)
    if used and not force:
        seen = (await queries.users_of(session)).get(variable_id, [])[:_NAMES_SHOWN]
        shown = ", ".join([*(task.name for task in seen), *(["…"] if used > len(seen) else [])])
        raise Conflict("{count} tasks use this variable: {names}. Take it out there first.", count=used, names=shown)
    await session.delete(row)
    await session.flush()
    await _note(session, "variable.delete", row, now=now, tasks=used)


async def _lock(session: WriteSession, variable_id: int) -> Variable:
    """Lock a variable that the session may change; raises NotFound, Forbidden."""
    row: Variable | None = await session.scalar(
        select(Variable).where(Variable.id == variable_id).with_for_update()  # type: ignore[arg-type]
    )
    if row is None or not may_use(session.actor, scope=row.scope, owner_id=row.owner_id):
        raise NotFound("There is no variable {id}.", id=variable_id)
    if not may_edit(session.actor, owner_id=row.owner_id):
        raise Forbidden("Only administrators make and change variables for everyone.")
    return row


async def _note(session: WriteSession, action: str, row: Variable, *, now: datetime, **details: audit.Detail) -> None:
    told = {"scope": row.scope, "secret": row.secret, **details}
    await audit.record(session, action, Thing("variable", row.id, row.name), now=now, details=told)


async def bind(
    session: ReadSession, names: Sequence[str], *, before: Mapping[str, Any], owner_id: int | None
) -> dict[str, Any]:
    """What the spec of a task holds of its variables; raises Invalid for one that the session may not give to it.

    What the task was given `before` (its spec) it keeps, whoever edits it now.
    """
    kept = {name: variable_id for variable_id, name in links(before)}
    there = await queries.existing(session, [kept[name] for name in names if name in kept])
    found = await queries.named(session, [name for name in names if kept.get(name) not in there], owner_id=owner_id)
    given = {name: kept[name] if kept.get(name) in there else found.get(name, kept.get(name)) for name in names}
    for name, variable_id in given.items():
        if variable_id is None:
            raise Invalid("There is no variable {name} that you may use.", field="variables", name=name)
    return {"variables": [{"id": given[name], "name": name} for name in names]} if names else {}
