"""The kind `sql`: the script and the data source that it is for; it runs in `run/sql.py`."""

from common.kinds.sql import Spec
from common.queue.claims import Claim
from worker.kinds import sources
from worker.kinds.program import program
from worker.kinds.work import Given, Work, kind_spec


def work(claim: Claim, given: Given) -> Work:
    """One attempt; raises Unready when its data source is not there any more."""
    source = sources.source(given, Spec.model_validate(kind_spec(claim)).data_source_id)
    return program(claim, given, needs=sources.needs(given, source), secrets=sources.secrets(source))
