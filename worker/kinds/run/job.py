"""What a process has to do, as `worker.kinds.program` wrote it."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the execution."""

    id: int
    attempt: int
    task_id: int
    task_name: str
    scheduled_for: datetime
    trigger: str
    run_id: str
    #: Seconds after which the runner ends it; None = never.
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt. `spec` is what its kind was told (the model in `common.kinds` reads it), `variables` are the task's,
    `needs` is what was read for it from Rota's database, `secrets` what of all that nobody may read."""

    kind: str
    command: str
    spec: Mapping[str, Any]
    variables: Mapping[str, str]
    needs: Mapping[str, Any]
    execution: Facts
    secrets: Sequence[str] = ()

    @property
    def files(self) -> Path:
        """The folder for files to be kept."""
        return Path(os.environ["ROTA_ARTIFACTS"])


def read() -> Job:
    """Read the job, and close what it came by: no program that this process starts may read it again."""
    text = sys.stdin.buffer.read()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    given = int(os.environ.get("ROTA_INPUT", "0"))
    for first, last in ((3, given), (max(given + 1, 3), 256)):
        os.closerange(first, last)
    return parse(text)


def parse(text: bytes | str) -> Job:
    """The job that a text describes."""
    raw = json.loads(text)
    facts = dict(raw["execution"])
    facts["scheduled_for"] = datetime.fromisoformat(facts["scheduled_for"])
    return Job(**raw | {"execution": Facts(**facts)})
