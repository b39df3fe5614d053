"""Starts a runner: `python -I -S <this file> --dir DIR --name NAME`. Ends with 3 when another runner holds DIR."""

import argparse
import asyncio
import gc
import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    # Started by file name with -I -S there is nothing on the path but the standard library.
    sys.path.insert(0, ROOT)
# asyncio brings TLS along, a sixth of its start-up, which a Unix socket has no use for; it does well without.
sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]

from worker.runner import cgroup, log  # noqa: E402
from worker.runner.place import Place, PlaceTaken  # noqa: E402
from worker.runner.server import Runner, prepare_process  # noqa: E402


def main() -> int:
    """Runs until it is told to quit or has been idle; returns the exit status."""
    parser = argparse.ArgumentParser(prog="rota-runner", description="Runs the tasks of one Rota worker.")
    parser.add_argument("--dir", required=True, help="where the socket, the lock and the spool live")
    parser.add_argument("--name", required=True, help="unique on this host; marks the processes it starts")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds without worker and work until it ends itself")
    parser.add_argument("--cgroup", default="auto", help="auto, off, or the folder in which tasks get cgroups")
    parser.add_argument("--new-privileges", action="store_true", help="let tasks gain rights (sudo)")
    options = parser.parse_args()
    try:
        place = Place(options.dir)
    except PlaceTaken:
        log.event("taken", dir=options.dir)
        return 3
    prepare_process(new_privileges=options.new_privileges)
    runner = Runner(place, options.name, idle=options.idle, cgroup=cgroup.find(options.cgroup))
    gc.freeze()  # what is there by now stays
    gc.set_threshold(20_000)
    asyncio.run(runner.main())
    runner.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
