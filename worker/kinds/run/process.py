"""The life of such a process: read the job, work in a thread, watch for the signal to stop, say how it ended."""

import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable

from common.lean import lean
from worker.kinds.run import job as jobs
from worker.kinds.run.control import Control, Failure, Stopped
from worker.kinds.run.job import Job
from worker.kinds.run.report import Report

Run = Callable[[Job, Report, Control], None]


def main(name: str) -> int:
    """Do the job on standard input with the module of this name; returns the exit status."""
    control = Control()
    wake = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: wake.set())
    job = jobs.read()
    report = Report(os.environ.get("ROTA_REPORT"), job.secrets)
    outcome: list[int] = []

    def work() -> None:
        try:
            with lean():
                run: Run = importlib.import_module(f"worker.kinds.run.{name}").run
            outcome.append(_run(run, job, report, control))
        finally:
            wake.set()

    thread = threading.Thread(target=work, name="work", daemon=True)
    thread.start()
    wake.wait()
    if thread.is_alive() and not outcome:
        control.stop()
    # What does not come back is ended by the runner.
    thread.join()
    sys.stdout.flush()
    return outcome[0] if outcome else 1


def _run(run: Run, job: Job, report: Report, control: Control) -> int:
    """Do it, and say what went wrong."""
    try:
        run(job, report, control)
    except Exception as error:
        report.close()
        if control.stopped or isinstance(error, Stopped):
            _say("stopped")
        elif isinstance(error, Failure):
            _say(str(error))
        else:
            traceback.print_exc()
        return 1
    report.close()
    return 0


def _say(text: str) -> None:
    sys.stdout.flush()
    print(text, file=sys.stderr, flush=True)
