"""The kind `http`: what may be called is said here, called it is in `run/http.py`."""

from common.queue.claims import Claim
from worker.kinds.program import program
from worker.kinds.work import Given, Work


def work(claim: Claim, given: Given) -> Work:
    """One attempt."""
    return program(claim, given, needs={"allowed_networks": given.settings.allowed_networks})
