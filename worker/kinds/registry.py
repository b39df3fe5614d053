"""Which module builds the command line of which kind of task."""

from collections.abc import Callable, Mapping

from common.queue.claims import Claim
from worker.kinds import shell

#: Kind of task -> what turns a claim into a command line.
BUILDERS: Mapping[str, Callable[[Claim], list[str]]] = {"shell": shell.argv}


def argv(claim: Claim) -> list[str]:
    """The command line of one attempt; empty for a kind this worker does not know: the runner refuses that."""
    builder = BUILDERS.get(claim.kind)
    return builder(claim) if builder else []
