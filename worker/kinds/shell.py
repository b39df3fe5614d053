"""The kind `shell`: a command for /bin/sh."""

from common.queue.claims import Claim
from worker.kinds.work import Given, Work, kind_spec


def work(claim: Claim, given: Given) -> Work:
    """One attempt; the task's arguments are $1, $2 … in its command, and $0 is "rota"."""
    return Work(
        ["/bin/sh", "-c", claim.command, "rota", *claim.spec.get("args", [])],
        env={**claim.spec.get("env", {}), **given.variables.env},
        masked=given.variables.masked,
        folder=kind_spec(claim).get("keep_files", False),
    )
