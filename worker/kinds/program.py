"""Programs of our own that tasks of most kinds run as: a process that reads what it has to do from its input."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.queue.claims import Claim
from worker.kinds.work import Given, Work, kind_spec

_MAIN = Path(__file__).parent / "run" / "__main__.py"


def program(
    claim: Claim, given: Given, *, needs: Mapping[str, Any], secrets: Sequence[str] = (), name: str = ""
) -> Work:
    """Run `worker.kinds.run.NAME` (the kind's by default) for this attempt.

    It finds in its job the command, the spec, the variables, facts of the execution, and `needs`: what was read for it,
    passwords included. Nothing of that is in its arguments or its environment, which the task cannot add to.
    """
    hidden = [*secrets, *(given.variables.env[each] for each in given.variables.masked)]
    job = {
        "kind": claim.kind,
        "command": claim.command,
        "spec": kind_spec(claim),
        "variables": given.variables.env,
        "needs": needs,
        "secrets": hidden,
        "execution": {
            "id": claim.id,
            "attempt": claim.token,
            "task_id": claim.task_id,
            "task_name": claim.task_name,
            "scheduled_for": claim.scheduled_for.isoformat(),
            "trigger": claim.trigger,
            "run_id": claim.run_id,
            "timeout": claim.timeout,
        },
    }
    # -I: nothing of the environment or the working directory decides what is imported.
    argv = [sys.executable, "-I", str(_MAIN), name or claim.kind]
    return Work(argv, stdin=json.dumps(job), secrets=hidden, folder=True)
