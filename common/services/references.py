"""What a task uses of other things, by id in its spec: whoever gives it to a task must be allowed to use it.

What a task was given it keeps, whoever edits it later: a colleague with whom it is shared may change its script without
being allowed to use its data source elsewhere. The same rule as for variables.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import String, cast, select

from common.db.models import Task, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.errors import Invalid
from common.i18n import N_
from common.kinds import KINDS, Reference
from common.kinds.base import KIND_SPEC
from common.kinds.python import Spec as PythonSpec
from common.queries import data_sources, programs, uploads
from common.queries.visibility import listed
from common.services.inputs import TaskInput

T = table_of(Task)
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Thing:
    """A kind of thing that tasks use. `usable` says which of some ids whom the session speaks for may give to a task;
    `missing` is what is said of another one, with `{id}`."""

    usable: Callable[[ReadSession, Collection[int]], Awaitable[set[int]]]
    missing: str


#: Filled by the modules that own the things.
THINGS: Mapping[str, Thing] = {
    "data_source": Thing(data_sources.usable, N_("There is no data source {id} that you may use.")),
    "upload": Thing(uploads.usable, N_("There is no upload {id} that you may use.")),
    "task": Thing(uploads.usable_tasks, N_("There is no task {id} whose files you may have.")),
    "program": Thing(programs.usable, N_("There is no program {id} that you may use.")),
}


def of_task(kind: str, spec: Mapping[str, object]) -> Sequence[Reference]:
    """What a task of this kind and stored spec uses; nothing where its spec is not valid any more."""
    stored = spec.get(KIND_SPEC)
    if kind not in KINDS or not isinstance(stored, dict):
        return ()
    try:
        return tuple(KINDS[kind].spec.model_validate(stored).references())
    except ValueError:
        return ()


async def check(session: ReadSession, data: TaskInput, *, before: Task | None) -> None:
    """Raise Invalid, naming the field, for something that whom the session speaks for may not give to a task."""
    kept = {(each.thing, each.id) for each in of_task(before.kind, before.spec)} if before is not None else set()
    spec = KINDS[data.kind].spec.model_validate(data.spec)
    new = [each for each in spec.references() if (each.thing, each.id) not in kept]
    for name in {each.thing for each in new}:
        ids = {each.id for each in new if each.thing == name}
        usable = await THINGS[name].usable(session, ids)
        for each in new:
            if each.thing == name and each.id not in usable:
                raise Invalid(THINGS[name].missing, field=each.field, id=each.id)
    if isinstance(spec, PythonSpec) and spec.program_id is not None and spec.version is not None:
        await _check_version(session, spec.program_id, spec.version)


async def _check_version(session: ReadSession, program_id: int, number: int) -> None:
    if await programs.version(session, program_id, number) is None:
        raise Invalid("The program has no version {number}.", field="spec.version", number=number)


async def users_of(session: ReadSession, thing: str, ids: Iterable[int]) -> dict[int, list[Record]]:
    """The tasks (id, name, kind, spec) that use each of these things, and that the reader may see."""
    return await _users(session, thing, set(ids), seen_only=True)


async def all_users_of(session: ReadSession, thing: str, thing_id: int) -> list[Record]:
    """Every task that uses a thing, seen or not."""
    return (await _users(session, thing, {thing_id}, seen_only=False)).get(thing_id, [])


async def told(session: ReadSession, thing: str, thing_id: int) -> tuple[int, str]:
    """How many tasks use a thing, and the names of some that the reader may see."""
    count = len(await all_users_of(session, thing, thing_id))
    seen = (await users_of(session, thing, [thing_id])).get(thing_id, [])[:_NAMES_SHOWN] if count else []
    return count, ", ".join([*(task.name for task in seen), *(["…"] if count > len(seen) else [])])


async def _users(session: ReadSession, thing: str, ids: set[int], *, seen_only: bool) -> dict[int, list[Record]]:
    """Reads the tasks whose spec has a word of the thing, and no others."""
    statement = (
        select(T.c.id, T.c.name, T.c.kind, T.c.spec)
        .where(T.c.deleted_at.is_(None), cast(T.c.spec, String).contains(f'"{thing}_id', autoescape=True))
        .order_by(T.c.name, T.c.id)
    )
    found: dict[int, list[Record]] = {}
    for row in await session.execute(statement.where(listed(session)) if seen_only else statement):
        for used in {each.id for each in of_task(row.kind, row.spec) if each.thing == thing} & ids:
            found.setdefault(used, []).append(row)
    return found
