"""Which lines of an output somebody wants to see."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LEVEL = re.compile(r"\b(DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b")
_SAME = {"WARN": "WARNING", "FATAL": "CRITICAL"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number within its stream (from 1), the stream ("stdout", "stderr") and the text."""

    number: int
    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What to show: a stream or both (""), lines with `search`, lines of `level` or worse, the last `tail`."""

    stream: str = ""
    search: str = ""
    level: str = ""
    tail: int | None = None


def lines(stdout: str, stderr: str) -> list[Line]:
    """The lines of both streams; carriage returns start a line as they do on a screen."""
    return [*_split("stdout", stdout), *_split("stderr", stderr)]


def _split(stream: str, text: str) -> Iterable[Line]:
    parts = re.split(r"\r\n|\n|\r", text)
    if parts and not parts[-1]:
        parts.pop()
    return (Line(number, stream, part) for number, part in enumerate(parts, 1))


def level_of(text: str) -> int | None:
    """The place in LEVELS of the first word for a level in a line; None where there is none."""
    match = _LEVEL.search(text)
    return LEVELS.index(_SAME.get(match[1], match[1])) if match else None


def select(all_lines: Sequence[Line], wish: LogFilter) -> list[Line]:
    """The lines that match, in order. A line without a level word belongs to the level of the line before it."""
    found: list[Line] = []
    least = LEVELS.index(wish.level) if wish.level else 0
    current: dict[str, int] = {}
    for line in all_lines:
        level = level_of(line.text)
        if level is not None:
            current[line.stream] = level
        if wish.stream and line.stream != wish.stream:
            continue
        if wish.level and current.get(line.stream, -1) < least:
            continue
        if wish.search.lower() in line.text.lower():
            found.append(line)
    return found if wish.tail is None else found[len(found) - min(wish.tail, len(found)) :]
