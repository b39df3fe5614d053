"""Programs: what they may be called."""

import re

#: Bytes of a program's source.
MAX_SOURCE = 1_000_000
_NAME = re.compile(r"[^\x00-\x1f\x7f/\\:*?\"<>|]+")


def is_name(text: str) -> bool:
    """Whether it can be the name of a file."""
    return _NAME.fullmatch(text) is not None and text not in (".", "..")


def file_name(name: str) -> str:
    """The name of a program as a file: "daily report" is run as "daily report.py"."""
    return name if name.endswith(".py") else f"{name}.py"
