"""What goes wrong, and when: planned from a seed alone, so that a run can be repeated."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

#: Kind of fault -> how often, relative to the others.
WEIGHTS: Mapping[str, int] = {
    "kill scheduler": 10,
    "kill worker": 14,
    "kill runner": 4,
    "freeze scheduler": 8,
    "freeze worker": 10,
    "freeze worker beyond lease": 4,
    "stop scheduler": 4,
    "stop worker": 5,
    "reset": 10,
    "refuse": 6,
    "black hole": 8,
    "drop reply of COMMIT": 6,
    "delay": 3,
}
#: Those that need a network.
NETWORK = {"reset", "refuse", "black hole", "drop reply of COMMIT", "delay"}
GAP = (0.2, 0.9)
SERVER_GAP = (11.0, 19.0)


def victims(kind: str) -> set[str]:
    """The roles of the processes that such a fault may hit."""
    if kind in NETWORK:
        return {"scheduler", "worker"}
    return {"scheduler"} if "scheduler" in kind else {"worker"}


@dataclass(frozen=True, slots=True)
class Fault:
    """`at` and `length` in seconds; `victim` is a number that the run takes by the count of those it could hit."""

    at: float
    kind: str
    victim: int
    length: float


def plan(seed: int, *, seconds: float, network: bool, lease: float) -> list[Fault]:
    """The faults of a run, in order; with `network` also those of connections and of the server itself."""
    chance = random.Random(seed)
    kinds = [kind for kind in WEIGHTS if network or kind not in NETWORK]
    found = list(_ordinary(chance, kinds, seconds, lease))
    if network:
        found += _servers(chance, seconds)
    return sorted(found, key=lambda fault: fault.at)


def _ordinary(chance: random.Random, kinds: Sequence[str], seconds: float, lease: float) -> Iterator[Fault]:
    at = chance.uniform(*GAP)
    while at < seconds:
        (kind,) = chance.choices(kinds, [WEIGHTS[kind] for kind in kinds])
        length = chance.uniform(1.1, 1.8) * lease if "beyond" in kind else chance.uniform(*_LENGTHS[kind.split()[0]])
        yield Fault(at, kind, chance.randrange(1 << 16), length)
        at += chance.uniform(*GAP)


def _servers(chance: random.Random, seconds: float) -> Iterator[Fault]:
    at = chance.uniform(*SERVER_GAP) / 2
    while at < seconds:
        yield Fault(at, "kill server", 0, chance.uniform(0.1, 3.0))
        at += chance.uniform(*SERVER_GAP)


#: Seconds, by the first word: until the dead start again, until the frozen go on, until the line is well.
_LENGTHS = {
    "kill": (0.1, 2.0),
    "freeze": (0.1, 4.0),
    "stop": (0.1, 2.0),
    "reset": (0.0, 0.5),
    "refuse": (0.2, 3.0),
    "black": (0.2, 6.0),
    "drop": (0.2, 2.0),
    "delay": (0.2, 2.0),
}
