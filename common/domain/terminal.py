"""What a reader sees of a line that was written for a terminal."""

import re

#: CSI, OSC (ended by BEL or ST) and the two-byte escapes; only "m" of CSI means something to us.
ESCAPE = re.compile(r"\x1b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_=>78])")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def plain(line: str) -> str:
    """The text a reader sees; what a carriage return overwrote is gone, as in a terminal."""
    if line.isprintable():
        return line
    return CONTROL.sub("", ESCAPE.sub("", overwritten(line)))


def overwritten(line: str) -> str:
    """A progress bar writes its line again and again: only the last state is worth reading."""
    return line.rstrip("\r").rpartition("\r")[2]
