"""What processes cost: CPU seconds and memory of a Rota, all its processes together."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Cost:
    """CPU seconds so far, and PSS (memory, each shared page divided among those who share it) in bytes."""

    cpu: float
    memory: int


def cost(processes: Iterable[psutil.Process]) -> Cost:
    """What these processes cost; ended children count in the CPU seconds of those who waited for them."""
    cpu, memory = 0.0, 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            cpu += times.user + times.system
            memory += process.memory_full_info().pss
    return Cost(cpu, memory)


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which `share` (0 to 1) of `values` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
