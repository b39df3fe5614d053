# /// script
# requires-python = ">=3.11"
# dependencies = ["celery[redis]==5.*"]
# ///
"""Celery's prefork pool on Redis: URL COUNT COMMAND. Prints when each of COUNT tasks due in the same second started and
when the last had ended, in seconds after that instant, as JSON."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from celery import Celery

_AT_ONCE = 16
_AHEAD = timedelta(seconds=12)

app = Celery("celery_burst", broker=os.environ["PEER_REDIS"], backend=os.environ["PEER_REDIS"])
app.conf.update(worker_prefetch_multiplier=0, task_acks_late=False, worker_hijack_root_logger=False)


@app.task(name="work")  # type: ignore[untyped-decorator]
def work(command: str) -> tuple[float, float, str]:
    """Run the command; what becomes of it is kept in Redis."""
    started = time.time()
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    return started, time.time(), done.stdout


def main() -> None:
    """Start a worker, send it the tasks, wait for them, print."""
    count, command = int(sys.argv[1]), sys.argv[2]
    words = ["-m", "celery", "-A", "celery_burst", "worker", "--concurrency", str(_AT_ONCE), "--pool", "prefork"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen([sys.executable, *words], cwd=Path(__file__).parent, stdout=quiet, stderr=quiet) as worker:
        try:
            instant = datetime.now(UTC) + _AHEAD
            sent = [work.apply_async(args=[command], eta=instant) for _ in range(count)]
            if datetime.now(UTC) >= instant:
                sys.exit("the tasks were not sent in time")
            times = [one.get(timeout=120) for one in sent]
        finally:
            worker.terminate()
    at = instant.timestamp()
    print(json.dumps({"started": [row[0] - at for row in times], "ended": max(row[1] for row in times) - at}))


if __name__ == "__main__":
    main()
