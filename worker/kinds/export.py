"""The kind `export`: queries, their data source, and what earlier runs gave; it runs in `run/export.py`."""

from common.kinds.export import Spec
from common.queue.claims import Claim
from worker.kinds import sources
from worker.kinds.program import program
from worker.kinds.work import Given, Work, kind_spec


def work(claim: Claim, given: Given) -> Work:
    """One attempt; raises Unready when its data source is not there any more."""
    source = sources.source(given, Spec.model_validate(kind_spec(claim)).data_source_id)
    history = given.things.get("history", {}).get(claim.task_id, [])
    needs = sources.needs(given, source) | {"history": history}
    return program(claim, given, needs=needs, secrets=sources.secrets(source))
