"""What changed between two texts, line by line: for versions of programs and whatever else has versions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

#: Lines that are compared one by one; of longer ones only the common beginning and end are looked for.
_MOST = 3000
_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a diff; the number on a side where it is not is None. A `gap` stands for lines left out."""

    kind: Literal["same", "added", "removed", "gap"]
    old: int | None = None
    new: int | None = None
    text: str = ""


def changed(before: str, after: str, *, context: int = _CONTEXT) -> list[Line]:
    """The changes with `context` unchanged lines around each; nothing when the texts are the same."""
    old, new = before.splitlines(), after.splitlines()
    found: list[Line] = []
    last = (0, 0)
    for group in _groups(old, new, context):
        if (group[0][1], group[0][3]) != last:
            found.append(Line("gap"))
        for tag, old_start, old_end, new_start, new_end in group:
            found += _lines(tag, old, new, (old_start, old_end), (new_start, new_end))
        last = (group[-1][2], group[-1][4])
    if found and last != (len(old), len(new)):
        found.append(Line("gap"))
    return found


def unified(before: str, after: str, names: tuple[str, str]) -> str:
    """The changes as `diff -u` writes them; empty when the texts are the same."""
    old, new = before.splitlines(), after.splitlines()
    found = []
    for group in _groups(old, new, _CONTEXT):
        first, last = group[0], group[-1]
        found.append(f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@")
        for tag, old_start, old_end, new_start, new_end in group:
            marks = {"same": " ", "removed": "-", "added": "+"}
            lines = _lines(tag, old, new, (old_start, old_end), (new_start, new_end))
            found += [marks[line.kind] + line.text for line in lines]
    return "\n".join([f"--- {names[0]}", f"+++ {names[1]}", *found, ""]) if found else ""


def _range(start: int, end: int) -> str:
    length = end - start
    return f"{start + 1 if length else start},{length}" if length != 1 else f"{start + 1}"


def _lines(
    tag: str, old: Sequence[str], new: Sequence[str], olds: tuple[int, int], news: tuple[int, int]
) -> Iterator[Line]:
    if tag == "equal":
        for shift in range(olds[1] - olds[0]):
            yield Line("same", olds[0] + shift + 1, news[0] + shift + 1, old[olds[0] + shift])
        return
    for number in range(*olds):
        yield Line("removed", number + 1, None, old[number])
    for number in range(*news):
        yield Line("added", None, number + 1, new[number])


_Op = tuple[str, int, int, int, int]


def _groups(old: Sequence[str], new: Sequence[str], context: int) -> list[list[_Op]]:
    """The changes, those close to each other together, each group with its context."""
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    olds, news = old[head : len(old) - tail], new[head : len(new) - tail]
    if not olds and not news:
        return []
    if max(len(olds), len(news)) > _MOST:
        operations: list[_Op] = [("replace", 0, len(olds), 0, len(news))]
    else:
        operations = list(SequenceMatcher(None, olds, news, autojunk=False).get_opcodes())
    shifted = [(tag, a + head, b + head, c + head, d + head) for tag, a, b, c, d in operations]
    whole: list[_Op] = [
        *([("equal", 0, head, 0, head)] if head else []),
        *shifted,
        *([("equal", len(old) - tail, len(old), len(new) - tail, len(new))] if tail else []),
    ]
    return _cut(whole, context)


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines at the beginning are the same."""
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count


def _cut(operations: Sequence[_Op], context: int) -> list[list[_Op]]:
    groups: list[list[_Op]] = [[]]
    for index, (tag, a, b, c, d) in enumerate(operations):
        if tag != "equal":
            groups[-1].append((tag, a, b, c, d))
            continue
        first, last = index == 0, index == len(operations) - 1
        if not first and not last and b - a <= 2 * context:
            groups[-1].append((tag, a, b, c, d))
            continue
        if not first:
            groups[-1].append((tag, a, min(b, a + context), c, min(d, c + context)))
            groups.append([])
        if not last:
            groups[-1].append((tag, max(a, b - context), b, max(c, d - context), d))
    kept = [[each for each in group if each[0] != "equal" or each[1] != each[2]] for group in groups]
    return [group for group in kept if any(tag != "equal" for tag, *_ in group)]
