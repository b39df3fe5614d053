"""What processes cost: CPU seconds and memory of a Rota, all its processes together."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Cost:
    """CPU seconds of each program so far, and its PSS in bytes: memory, each shared page divided among those who share
    it. The database's server has none here."""

    cpu: dict[str, float]
    pss: dict[str, int]

    def each(self, before: "Cost", count: int) -> dict[str, float]:
        """Milliseconds of CPU an execution since `before`: of Rota, and of every program."""
        spent = {name: (self.cpu[name] - before.cpu.get(name, 0.0)) / count * 1e3 for name in sorted(self.cpu)}
        rota = sum(value for name, value in spent.items() if name != DATABASE)
        return {"cpu_ms_each": rota, **{f"cpu_ms_{name}": value for name, value in spent.items()}}

    @property
    def memory(self) -> float:
        """MB of all of them together."""
        return sum(self.pss.values()) / 2**20

    def megabytes(self) -> dict[str, float]:
        """MB of all of them together, and of each program."""
        return {"memory_mb": self.memory, **{f"memory_mb_{name}": self.pss[name] / 2**20 for name in sorted(self.pss)}}


#: The program that is the database's server and no part of Rota.
DATABASE = "database"


def cost(processes: Mapping[str, psutil.Process]) -> Cost:
    """What these processes cost, by the first word of their names; ended children count where they were waited for."""
    cpu: dict[str, float] = defaultdict(float)
    pss: dict[str, int] = defaultdict(int)
    for name, process in processes.items():
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            program = name.split()[0]
            cpu[program] += times.user + times.system
            if program != DATABASE:
                pss[program] += process.memory_full_info().pss
    return Cost(dict(cpu), dict(pss))


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which `share` (0 to 1) of `values` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
