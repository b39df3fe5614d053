"""Cells of spreadsheets: text that a spreadsheet would take for a formula is made text again."""

_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_text(value: str) -> str:
    """The value with an apostrophe before it where Excel or LibreOffice would work it out as a formula."""
    return f"'{value}" if value.startswith(_STARTS) else value
