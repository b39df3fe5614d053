"""What differs between two definitions of a task: field by field, and line by line where a field is long."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

#: Lines around a change that are shown with it.
_CONTEXT = 3
#: Comparing two texts takes the product of their lines; longer ones are said to be wholly different.
_MOST_LINES = 5000


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. `before` is None where it was not there, `after` where it is no more."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a text's diff: what became of it, and its number before and after."""

    kind: Literal["same", "gone", "new", "gap"]
    text: str = ""
    before: int | None = None
    after: int | None = None


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The fields that differ, in the order of `after`; entries of the environment one by one ("env.NAME")."""
    flat_before, flat_after = _flat(before), _flat(after)
    names = [*flat_after, *(name for name in flat_before if name not in flat_after)]
    return [
        Change(name, flat_before.get(name), flat_after.get(name))
        for name in names
        if flat_before.get(name) != flat_after.get(name)
    ]


def _flat(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings of the first level taken apart: the environment, the limits, what a kind adds."""
    found: dict[str, Any] = {}
    for name, value in definition.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{key}": each for key, each in value.items()}
        else:
            found[name] = value
    return found


def counts(before: str, after: str) -> tuple[int, int]:
    """How many lines are new and how many are gone."""
    lines = diff(before, after, context=0)
    return sum(line.kind == "new" for line in lines), sum(line.kind == "gone" for line in lines)


def diff(before: str, after: str, *, context: int = _CONTEXT) -> list[DiffLine]:
    """The lines that differ with `context` lines around them; a "gap" stands for lines left out."""
    old, new = before.splitlines(), after.splitlines()
    if len(old) > _MOST_LINES or len(new) > _MOST_LINES:
        return [*_gone(old, 0, len(old)), *_new(new, 0, len(new))]
    found: list[DiffLine] = []
    shown = 0
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(context):
        if group[0][3] > shown or found:
            found.append(DiffLine("gap"))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                found += [
                    DiffLine("same", old[i], i + 1, j + 1) for i, j in zip(range(i1, i2), range(j1, j2), strict=True)
                ]
            else:
                found += [*_gone(old, i1, i2), *_new(new, j1, j2)]
        shown = group[-1][4]
    if found and shown < len(new):
        found.append(DiffLine("gap"))
    return found


def _gone(lines: list[str], start: int, stop: int) -> list[DiffLine]:
    return [DiffLine("gone", lines[i], before=i + 1) for i in range(start, stop)]


def _new(lines: list[str], start: int, stop: int) -> list[DiffLine]:
    return [DiffLine("new", lines[i], after=i + 1) for i in range(start, stop)]
