"""The command line of the benchmarks: `scripts/bench [SCENARIO …] [--database …] [--repeat N] [--json FILE]`."""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from benchmarks import api, burst, history, nodes, raw, retention, scale, start, steady
from benchmarks.peers import run as peers
from benchmarks.peers.run import NoPeer
from benchmarks.profile import NoProfiler
from benchmarks.profile import find as find_profiler
from benchmarks.raw import NoCompiler
from benchmarks.stage import DATABASES, Stage, stage

Scenario = Callable[[Stage], Coroutine[Any, Any, dict[str, float]]]
COMMAND = "echo hi"

#: Name -> what it does, and whether its figures are set beside the raw limit.
SCENARIOS: dict[str, Scenario] = {
    "burst": lambda s: burst.run(s),
    "burst-10k": lambda s: burst.run(s, count=10_000),
    "steady": lambda s: steady.run(s),
    "scale": lambda s: scale.run(s),
    "scale-1m": lambda s: scale.run(s, schedules=1_000_000),
    "history": lambda s: history.run(s),
    "history-5m": lambda s: history.run(s, executions=5_000_000),
    "api": lambda s: api.run(s),
    "retention": lambda s: retention.run(s),
    "nodes": lambda s: nodes.run(s),
    "start": lambda s: start.run(s),
    "peer-apscheduler": lambda s: peers.apscheduler(s),
    "peer-celery": lambda s: peers.celery(s),
}
USUAL = ("burst", "steady", "scale", "history", "api")


def main() -> int:
    """Run what was asked for; print a table; gives the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scenario", nargs="*", help=f"of {', '.join(SCENARIOS)}; by default {', '.join(USUAL)}")
    parser.add_argument("--database", action="append", choices=DATABASES, help="by default all three")
    parser.add_argument("--repeat", type=int, default=1, help="the median of so many runs is shown")
    parser.add_argument("--json", type=Path, help="write every figure of every run to this file")
    parser.add_argument("--profile", type=Path, help="record where the CPU goes (py-spy) into this folder")
    arguments = parser.parse_args()
    wanted = arguments.scenario or list(USUAL)
    if unknown := set(wanted) - SCENARIOS.keys():
        parser.error(f"unknown scenario: {', '.join(sorted(unknown))}")
    try:
        if arguments.profile:
            find_profiler()
        found = _all(wanted, arguments)
    except (NoCompiler, NoPeer, NoProfiler) as error:
        parser.error(str(error))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def _all(wanted: Sequence[str], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="rota-raw-") as folder:
        program = raw.build(Path(folder))
        for name in wanted:
            for kind in arguments.database or DATABASES:
                profile = arguments.profile and arguments.profile / f"{name}-{kind}"
                runs = [_once(name, kind, program, profile) for _ in range(arguments.repeat)]
                found += runs
                _print(name, kind, runs)
    return found


def _once(name: str, kind: str, program: Path, profile: Path | None) -> dict[str, Any]:
    """One run between two measurements of the raw limit; their mean is the limit of this run."""
    before = raw.spawns_per_second(program, COMMAND)
    with stage(kind, profile) as where:
        figures: dict[str, float] = asyncio.run(SCENARIOS[name](where))
    after = raw.spawns_per_second(program, COMMAND)
    limit = (before + after) / 2
    ratio = {"ratio": figures["per_second"] / limit} if "per_second" in figures else {}
    return {"scenario": name, "database": kind, "raw_per_second": limit, **ratio, **figures}


def _print(name: str, kind: str, runs: list[dict[str, Any]]) -> None:
    print(f"\n{name} on {kind} ({len(runs)} run{'s' if len(runs) > 1 else ''})")
    for key in runs[0]:
        if key not in ("scenario", "database"):
            values = [run[key] for run in runs]
            spread = f"   ({min(values):,.2f} to {max(values):,.2f})" if len(values) > 1 else ""
            print(f"  {key:<28}{statistics.median(values):>14,.2f}{spread}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
