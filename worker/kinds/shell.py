"""The kind `shell`: a command for /bin/sh."""

from common.queue.claims import Claim


def argv(claim: Claim) -> list[str]:
    """The command line of one attempt; the task's arguments are $1, $2 … in its command, and $0 is "rota"."""
    return ["/bin/sh", "-c", claim.command, "rota", *claim.spec.get("args", [])]
