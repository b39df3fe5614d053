"""Reports of executions: how far one is, what came of it, warnings. Written by programs, so nothing of it is trusted.

{"progress": {"done": 3, "total": 9 or null, "unit": "rows", "text": "…", "at": unix seconds},
 "result": {…, whatever its kind has to say, 256 kB at most}, "warnings": ["…"]}
"""

import json
import math
from collections.abc import Mapping
from typing import Any

#: Bytes of a report file above which it is not read at all.
MOST_READ = 1 << 20
#: Bytes of its result as JSON.
MOST_RESULT = 256_000
MOST_WARNINGS = 50
_TEXT, _WARNING = 300, 2_000
_DEPTH = 12
_LARGEST = 2.0**62


def parsed(data: bytes) -> dict[str, Any] | None:
    """A report as it may be stored and shown; None for what is none."""
    try:
        raw = json.loads(data, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    warnings = raw.get("warnings")
    texts = [_text(each, _WARNING) for each in warnings if isinstance(each, str)] if isinstance(warnings, list) else []
    result = _plain(raw.get("result"), _DEPTH) if isinstance(raw.get("result"), dict) else {}
    if len(json.dumps(result, ensure_ascii=False).encode()) > MOST_RESULT:
        result = {}
        texts.insert(0, f"The result was larger than {MOST_RESULT:,} bytes and was left out.")
    return {"progress": _progress(raw.get("progress")), "result": result, "warnings": texts[:MOST_WARNINGS]}


def _progress(raw: object) -> dict[str, Any] | None:
    if not isinstance(raw, dict) or (done := _number(raw.get("done"))) is None:
        return None
    return {
        "done": done,
        "total": _number(raw.get("total")),
        "unit": _text(raw.get("unit"), 30) or "rows",
        "text": _text(raw.get("text"), _TEXT),
        "at": _number(raw.get("at")) or 0,
    }


def _number(value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and 0 <= value < _LARGEST else None


def _text(value: object, most: int) -> str:
    return _storable(value[:most]) if isinstance(value, str) else ""


def _storable(text: str) -> str:
    """PostgreSQL takes no NUL, nobody takes half a character."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _plain(value: Any, depth: int) -> Any:
    """What JSON of every database can hold."""
    match value:
        case str():
            return _storable(value)
        case dict() if depth:
            return {_storable(key): _plain(each, depth - 1) for key, each in value.items()}
        case list() if depth:
            return [_plain(each, depth - 1) for each in value]
        case dict() | list():
            return None
        case bool() | None:
            return value
        case int():
            # A larger one would lose its last digits wherever JSON is read as JavaScript does.
            return value if abs(value) < 2**53 else str(value)
    return value


def fraction(progress: Mapping[str, Any]) -> float | None:
    """How much of it is done, from 0 to 1; None where nobody knows."""
    total = progress["total"]
    return None if not total else min(1.0, progress["done"] / total)


def seconds_left(progress: Mapping[str, Any], started: float) -> float | None:
    """How many seconds it may still take, if it goes on as fast as since `started` (unix); None where nobody knows."""
    done, total = progress["done"], progress["total"]
    spent = progress["at"] - started
    return None if not total or not done or spent < 1 or done > total else (total - done) * spent / done


def rate(progress: Mapping[str, Any], started: float) -> float | None:
    """Units a second since `started` (unix); None as long as that says nothing."""
    spent = progress["at"] - started
    return progress["done"] / spent if spent >= 1 else None
