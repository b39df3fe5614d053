"""Which module says what runs for which kind of task, and what they need from the database."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any

from common.db.session import ReadSession
from common.queries import results, uploads
from common.queue.claims import Claim
from common.services import references
from worker.kinds import export, http, imports, python, shell, sources, sql
from worker.kinds.work import Given, Unready, Work

#: Kind of task -> what turns a claim into what the runner is given; raises Unready.
BUILDERS: Mapping[str, Callable[[Claim, Given], Work]] = {
    "shell": shell.work,
    "python": python.work,
    "sql": sql.work,
    "export": export.work,
    "import": imports.work,
    "http": http.work,
}

#: Thing that specs refer to -> what reads those with some ids, in one query.
READERS: Mapping[str, Callable[[ReadSession, Collection[int]], Awaitable[Mapping[int, Any]]]] = {
    "program": python.programs,
    "data_source": sources.stored,
    "upload": uploads.stored,
    "task": uploads.newest_files,
}


async def read(session: ReadSession, claims: Iterable[Claim]) -> Mapping[str, Mapping[int, Any]]:
    """What these attempts refer to, by thing and id; no query where none refers to anything."""
    wanted: dict[str, set[int]] = {}
    history: dict[int, Any] = {}
    for claim in claims:
        if claim.kind == "export" and claim.task_id not in history:
            history[claim.task_id] = await results.of_task(session, claim.task_id)
        if claim.spec.get("kind"):
            for each in references.of_task(claim.kind, claim.spec):
                wanted.setdefault(each.thing, set()).add(each.id)
    found = {thing: await READERS[thing](session, ids) for thing, ids in wanted.items()}
    return {**found, **({"history": history} if history else {})}


def work(claim: Claim, given: Given) -> Work:
    """What runs for one attempt; raises Unready."""
    builder = BUILDERS.get(claim.kind)
    if builder is None:
        raise Unready(f"this worker does not know tasks of the kind {claim.kind}")
    return builder(claim, given)
