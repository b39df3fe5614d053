"""What a task finds in its environment: a short list of the worker's own variables, Rota's facts, and the task's own.

An allow-list, because the worker's environment holds the database's URL and other secrets: what is forgotten here is
missing in a task, what would be forgotten in a list of forbidden names would leak.
"""

import os
from collections.abc import Mapping

from common.queue.claims import Claim

_PASSED = (
    "PATH",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "SHELL",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)


def passed_on(own: Mapping[str, str]) -> dict[str, str]:
    """What of the worker's `own` environment every task, and the runner, may see."""
    return {"PATH": os.defpath} | {name: own[name] for name in _PASSED if name in own}


#: Say who the worker is: a task that runs as somebody else gets that user's from the runner.
_WHO = ("HOME", "SHELL", "USER", "LOGNAME", "TMPDIR")


def build(claim: Claim, base: Mapping[str, str], own: Mapping[str, str], *, run_as: str = "") -> dict[str, str]:
    """The environment of one attempt; `base` is what `passed_on` gave, `own` the task's own with its variables.

    The task's own wins over the base, Rota's facts over all. `run_as` is the user of tasks that name none.
    """
    other = claim.spec.get("run_as") or run_as
    return {
        **{name: value for name, value in base.items() if not (other and name in _WHO)},
        # Output shall come as it is written, and in the encoding the pages expect.
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        **own,
        "ROTA_EXECUTION_ID": str(claim.id),
        "ROTA_TASK_ID": str(claim.task_id),
        "ROTA_TASK_NAME": claim.task_name,
        "ROTA_ATTEMPT": str(claim.token),
        "ROTA_SCHEDULED_FOR": claim.scheduled_for.isoformat(),
        "ROTA_TRIGGER": claim.trigger,
        "ROTA_RUN_ID": claim.run_id,
    }
