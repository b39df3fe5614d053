"""The kind `python`: a program, and the interpreter that runs it.

What is started is `launch.py`: it takes the program and the data sources from memory and becomes the interpreter.
"""

import json
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from common.config import Settings
from common.db.models import Program, ProgramVersion, table_of
from common.db.session import ReadSession
from common.domain.programs import file_name
from common.kinds.python import BY_METADATA, OWN, Spec
from common.paths import ROOT
from common.queue.claims import Claim
from worker.kinds import sources
from worker.kinds.work import Given, Unready, Work, kind_spec

P, N = table_of(Program), table_of(ProgramVersion)
_LAUNCH = Path(__file__).parent / "run" / "launch.py"
_HELPER = Path(__file__).parent / "helper"
_FLAGS = ("-s", "-u", "-X", "utf8")


async def programs(session: ReadSession, ids: Collection[int]) -> Mapping[int, Any]:
    """Name, newest version and sources by version of these programs; for `registry.READERS`."""
    rows = await session.execute(
        select(P.c.id, P.c.name, P.c.version, N.c.number, N.c.source)
        .join(N, N.c.program_id == P.c.id)
        .where(P.c.id.in_(sorted(ids)))
    )
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        known = found.setdefault(row.id, {"name": row.name, "version": row.version, "sources": {}})
        known["sources"][row.number] = row.source
    return found


def work(claim: Claim, given: Given) -> Work:
    """One attempt; raises Unready when its program, an interpreter or uv is missing."""
    spec = Spec.model_validate(kind_spec(claim))
    name, source = _program(claim, spec, given)
    used = [sources.source(given, each) for each in spec.data_source_ids]
    job = {
        "file": name,
        "source": source,
        "argv": _argv(spec, given.settings),
        "args": claim.spec.get("args", []),
        "helper": str(_HELPER),
        "hidden": str(ROOT),
        "by_metadata": spec.interpreter == BY_METADATA,
        "data_sources": [sources.for_program(each) for each in used],
    }
    environment = {**claim.spec.get("env", {}), **given.variables.env}
    facts = {"TASK_ID": str(claim.task_id), "TASK_NAME": claim.task_name, **_log(claim, given.settings)}
    if spec.interpreter == BY_METADATA and not _runs_as_other(claim, given.settings):
        facts["UV_CACHE_DIR"] = str(given.settings.data_dir.resolve() / "uv")
    return Work(
        [sys.executable, "-I", "-S", str(_LAUNCH)],
        env=facts | environment,
        masked=given.variables.masked,
        stdin=json.dumps(job),
        secrets=[secret for each in used for secret in sources.secrets(each)],
        folder=True,
    )


def _program(claim: Claim, spec: Spec, given: Given) -> tuple[str, str]:
    """The file name and the text of the program."""
    if spec.program_id is None:
        return "task.py", claim.command
    found = given.thing("program", spec.program_id, "the program that this task runs does not exist any more")
    number = spec.version or found["version"]
    source = found["sources"].get(number)
    if source is None:
        raise Unready(f"the program {found['name']} has no version {number}")
    return file_name(found["name"]), source


def _argv(spec: Spec, settings: Settings) -> list[str]:
    """What runs the program, without the program."""
    if spec.interpreter == BY_METADATA:
        return [find_uv(settings), "run", "--no-progress", "--script"]
    if spec.interpreter == OWN:
        return [sys.executable, *_FLAGS]
    path = settings.interpreters.get(spec.interpreter)
    if path is None:
        known = ", ".join(sorted(settings.interpreters)) or "none"
        raise Unready(
            f"this worker has no interpreter named {spec.interpreter} (it has: {known}); an administrator can name one"
            " with ROTA_INTERPRETERS"
        )
    return [path, *_FLAGS]


def find_uv(settings: Settings) -> str:
    """The program uv; raises Unready where there is none."""
    own = ROOT / ".tools" / "bin" / "uv"
    found = settings.uv or shutil.which("uv") or (str(own) if own.exists() else "")
    if not found or shutil.which(found) is None:
        raise Unready(
            "this program runs in an environment made from its inline metadata, which needs uv, and this worker's"
            " machine has none: install it (https://docs.astral.sh/uv/) or set ROTA_UV to where it is"
        )
    return found


def _runs_as_other(claim: Claim, settings: Settings) -> bool:
    return bool(claim.spec.get("run_as") or settings.run_as)


def _log(claim: Claim, settings: Settings) -> dict[str, str]:
    """Where the program may write a log of its own, for all of the task's executions on this machine. As another user
    it could not write there, and gets one among the execution's files (launch.py)."""
    if _runs_as_other(claim, settings):
        return {}
    return {"TASK_LOG": str(settings.data_dir.resolve() / "logs" / f"task_{claim.task_id}.log")}
