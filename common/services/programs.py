"""Programs: create, change, delete, and give to tasks. Every save that changes the source is a version, kept.

Who may use a program may give it to a task. A task that names no version runs the newest: whoever may change the
program then decides what the task runs.
"""

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from common.db.models import Program, ProgramVersion
from common.db.session import ReadSession, WriteSession
from common.db.types import Record
from common.domain import diffs
from common.domain.permissions import sees_all
from common.domain.programs import MAX_SOURCE, is_name
from common.domain.variables import EVERYONE, may_edit, may_use, scope_of
from common.errors import Conflict, Forbidden, NotFound
from common.fields import Name, Prose, refuse
from common.i18n import N_
from common.queries import programs as queries
from common.services import audit, references, rights
from common.services.audit import Thing

#: Compiles what comes in, and says where it cannot: in a process of its own, for a text can crash a compiler.
_CHECK = (
    "import sys, json, warnings; warnings.simplefilter('ignore')\n"
    "try: compile(sys.stdin.buffer.read(), 'program', 'exec', dont_inherit=True)\n"
    "except SyntaxError as e: print(json.dumps([e.lineno or 1, e.offset or 1, str(e.msg)]))\n"
    "except (ValueError, RecursionError, MemoryError, OverflowError) as e: print(json.dumps([1, 1, str(e)]))\n"
)
_PATIENCE = 5.0


def _plain(name: str) -> str:
    if not is_name(name):
        raise refuse(N_('Must be a name for a file: without / \\ : * ? " < > |.'))
    return name


def _short_enough(source: str) -> str:
    if len(source.encode()) > MAX_SOURCE:
        raise refuse(N_("Must not be longer than {most} bytes."), most=f"{MAX_SOURCE:,}")
    return source.replace("\r\n", "\n").removeprefix("\ufeff")


ProgramName = Annotated[Name, Field(max_length=100), AfterValidator(_plain)]
Source = Annotated[Prose, AfterValidator(_short_enough)]


class ProgramUpdate(BaseModel):
    """What to change; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: ProgramName | None = None
    source: Source | None = Field(None, description="Python; another text than before is a new version.")
    note: Annotated[Prose, Field(max_length=200)] = Field("", description="What is new in this version.")
    description: Annotated[Prose, Field(max_length=1000)] | None = None
    version: int | None = Field(
        None, ge=1, description="The version that was edited: refused when somebody has saved another meanwhile."
    )


class ProgramInput(BaseModel):
    """A program as people describe it."""

    model_config = ConfigDict(extra="forbid")

    name: ProgramName = Field(examples=["daily_report.py"])
    source: Source = Field(examples=["print('hello')\n"])
    note: Annotated[Prose, Field(max_length=200)] = Field("", description="What is new in this version.")
    description: Annotated[Prose, Field(max_length=1000)] = ""
    scope: Literal["own", "everyone"] = Field(
        "own", description="Whose tasks may run it. Only administrators make programs for everyone."
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a program cannot be compiled, and why. It is saved all the same: it may be for another Python."""

    line: int
    column: int
    message: str


async def faults(source: str | None) -> list[Fault]:
    """What this Python would not compile; nothing for a good program."""
    return await asyncio.to_thread(_faults, source) if source else []


def _faults(source: str) -> list[Fault]:
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _CHECK],
            input=source.encode("utf-8", "surrogatepass"),
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return []
    if done.returncode != 0:
        return [Fault(1, 1, "too complex to be compiled")]
    return [Fault(*json.loads(done.stdout))] if done.stdout.strip() else []


async def get(session: ReadSession, program_id: int) -> Record:
    """The program without its source; raises NotFound."""
    found = await queries.by_id(session, program_id)
    if found is None:
        raise NotFound("There is no program {id}.", id=program_id)
    return found


async def version(session: ReadSession, program_id: int, number: int | None = None) -> Record:
    """One version with its source, the newest when no number is given; raises NotFound."""
    program = await get(session, program_id)
    number = number or program.version
    found = await queries.version(session, program_id, number)
    if found is None:
        raise NotFound("The program {name} has no version {number}.", name=program.name, number=number)
    return found


async def editable(session: ReadSession, program_id: int) -> Record:
    """The program, for who may change it; raises NotFound, Forbidden."""
    found = await get(session, program_id)
    _check_editable(session, found.owner_id)
    return found


def _check_editable(session: ReadSession, owner_id: int | None) -> None:
    if not may_edit(session.actor, owner_id=owner_id):
        raise Forbidden("Only administrators make and change programs for everyone.")


async def create(session: WriteSession, data: ProgramInput, *, now: datetime) -> Record:
    """Store a new program; raises Forbidden, Conflict when the name is taken."""
    await rights.check_code(session, {"python"})
    actor = session.actor
    if data.scope == EVERYONE and not sees_all(actor):
        raise Forbidden("Only administrators make and change programs for everyone.")
    owner_id = None if data.scope == EVERYONE else actor.user_id
    row = Program(
        name=data.name,
        scope=scope_of(owner_id),
        owner_id=owner_id,
        description=data.description,
        version=1,
        created_at=now,
        updated_at=now,
        updated_by=actor.name[:64],
    )
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise _taken(data.name) from None
    await _add_version(session, row, data.source, data.note, now=now)
    await _note(session, "program.create", row, now=now)
    assert row.id is not None
    return await get(session, row.id)


def _taken(name: str) -> Conflict:
    return Conflict("The program {name} exists already.", field="name", name=name)


async def _add_version(session: WriteSession, row: Program, source: str, note: str, *, now: datetime) -> None:
    assert row.id is not None
    data = source.encode()
    session.add(
        ProgramVersion(
            program_id=row.id,
            number=row.version,
            source=source,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            note=note,
            created_at=now,
            created_by=session.actor.name[:64],
        )
    )
    await session.flush()


async def update(session: WriteSession, program_id: int, data: ProgramUpdate, *, now: datetime) -> Record:
    """Change a program; raises NotFound, Forbidden, Conflict when the name is taken or it was changed meanwhile."""
    row = await _lock(session, program_id)
    if data.version is not None and data.version != row.version:
        raise Conflict(
            "Somebody has saved version {number} meanwhile. Look at it, then save again.",
            field="version",
            number=row.version,
        )
    before = await queries.version(session, program_id, row.version)
    is_new = data.source is not None and (before is None or before.source != data.source)
    try:
        async with session.begin_nested():
            row.name = data.name or row.name
            row.description = row.description if data.description is None else data.description
            row.version += is_new
            row.updated_at, row.updated_by = now, session.actor.name[:64]
            await session.flush()
    except IntegrityError:
        raise _taken(data.name or "") from None
    if is_new and data.source is not None:
        await _add_version(session, row, data.source, data.note, now=now)
    await _note(session, "program.update", row, now=now)
    return await get(session, program_id)


async def restore(session: WriteSession, program_id: int, number: int, *, now: datetime) -> Record:
    """Make an old version the newest again, as a new one; raises NotFound, Forbidden."""
    old = await version(session, program_id, number)
    note = f"= {number}"
    return await update(session, program_id, ProgramUpdate(source=old.source, note=note), now=now)


async def save(session: WriteSession, data: ProgramInput, *, replace: bool, now: datetime) -> Record:
    """Store an uploaded program; with `replace` as a new version of the one that has its name.

    Raises Forbidden, and Conflict when the name is taken and nothing is to be replaced.
    """
    scope = scope_of(None if data.scope == EVERYONE else session.actor.user_id)
    found = await queries.by_name(session, scope, data.name) if replace else None
    if found is None:
        return await create(session, data, now=now)
    return await update(session, found, ProgramUpdate(source=data.source, note=data.note), now=now)


async def delete(session: WriteSession, program_id: int, *, force: bool = False, now: datetime) -> None:
    """Delete a program with its versions; raises NotFound, Forbidden, and Conflict naming tasks that run it.

    With `force` it goes all the same, and executions of those tasks fail and say why.
    """
    row = await _lock(session, program_id)
    used, names = await references.told(session, "program", program_id)
    if used and not force:
        raise Conflict("{count} tasks run this program: {names}. Change them first.", count=used, names=names)
    await _note(session, "program.delete", row, now=now, tasks=used)
    await session.delete(row)
    await session.flush()


async def _lock(session: WriteSession, program_id: int) -> Program:
    """Lock a program that the session may change; raises NotFound, Forbidden."""
    row: Program | None = await session.scalar(
        select(Program).where(Program.id == program_id).with_for_update()  # type: ignore[arg-type]
    )
    if row is None or not may_use(session.actor, scope=row.scope, owner_id=row.owner_id):
        raise NotFound("There is no program {id}.", id=program_id)
    _check_editable(session, row.owner_id)
    await rights.check_code(session, {"python"})
    return row


async def _note(session: WriteSession, action: str, row: Program, *, now: datetime, **details: audit.Detail) -> None:
    told: dict[str, audit.Detail] = {"scope": row.scope, "version": row.version, **details}
    await audit.record(session, action, Thing("program", row.id, row.name), now=now, details=told)


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed from one version to another."""

    old: Record
    new: Record
    lines: Sequence[diffs.Line]
    unified: str


async def difference(session: ReadSession, program_id: int, old: int, new: int) -> Difference:
    """What changed between two versions; raises NotFound."""
    before, after = await version(session, program_id, old), await version(session, program_id, new)
    lines = await asyncio.to_thread(diffs.changed, before.source, after.source)
    text = await asyncio.to_thread(diffs.unified, before.source, after.source, (f"version {old}", f"version {new}"))
    return Difference(before, after, lines, text)


async def users_of(session: ReadSession, ids: Sequence[int]) -> dict[int, list[Record]]:
    """The tasks that run each of these programs, and that the reader may see."""
    return await references.users_of(session, "program", ids)
