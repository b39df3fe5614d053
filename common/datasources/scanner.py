"""Tells code from strings and comments in SQL, by the grammar of each engine: what splitting and parameters rest on."""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

WORD, QUOTED, COMMENT, PARAMETER, END, CODE = "word", "quoted", "comment", "parameter", "end", "code"

_BACKSLASHED = r"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'"
_PLAIN = r"'[^']*+(?:''[^']*+)*+'"
_DOUBLE = r'"[^"]*+(?:""[^"]*+)*+"'
_BACKTICK = r"`[^`]*+(?:``[^`]*+)*+`"
_BRACKET = r"\[[^\]]*+(?:\]\][^\]]*+)*+\]"
_LINE = r"--[^\n]*+"
_FLAT = r"/\*(?![!+]).*?\*/"
_WORD = r"[^\W\d][\w$#]*+"
#: (what is quoted, what is a comment, how a comment or a string begins whose end must be looked for, words)
_GRAMMAR = {
    # A comment of MySQL needs a blank behind its dashes, and /*! ... */ is code.
    "mysql": (
        (_BACKSLASHED, r'"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+"', _BACKTICK),
        (r"--(?=\s|\Z)[^\n]*+", r"\#[^\n]*+", _FLAT),
        (),
        r"[^\W\d]\w*+",
    ),
    "postgresql": (
        (rf"[eE]{_BACKSLASHED}", _PLAIN, _DOUBLE),
        (_LINE,),
        (r"/\*(?!\+)", r"\$(?:[^\W\d]\w*+)?\$"),
        _WORD,
    ),
    "sqlite": ((_PLAIN, _DOUBLE, _BACKTICK, _BRACKET), (_LINE, _FLAT), (), _WORD),
    "oracle": ((_PLAIN, _DOUBLE), (_LINE, _FLAT), (r"[nN]?[qQ]'[^\s]",), _WORD),
    "sqlserver": ((_PLAIN, _DOUBLE, _BRACKET), (_LINE,), (r"/\*",), _WORD),
}
_CLOSING = {"[": "]", "{": "}", "(": ")", "<": ">"}


class Token(NamedTuple):
    """A piece of a script: what it is, and where."""

    kind: str
    start: int
    end: int


@cache
def _pattern(engine: str, delimiter: str) -> re.Pattern[str]:
    quoted, comments, opening, word = _GRAMMAR[engine]
    edge = r"(?!\w)" if delimiter[-1:].isalnum() else ""
    groups = [
        (END, re.escape(delimiter) + edge),
        (QUOTED, "|".join(quoted)),
        (COMMENT, "|".join(comments)),
        *([("opening", "|".join(opening))] if opening else []),
        # A quote that nothing closes: all the rest is in it.
        ("unclosed", r"['\"`].*+|/\*(?![!+]).*+" if engine in ("mysql", "sqlite") else r"['\"].*+|/\*(?!\+).*+"),
        (PARAMETER, r"(?<![:\w]):[^\W\d]\w*+"),
        (WORD, word),
        (CODE, r"\d[\w.]*+|::|:=|\S"),
    ]
    return re.compile("|".join(f"(?P<{name}>{text})" for name, text in groups), re.DOTALL)


def tokens(text: str, engine: str, *, start: int = 0, delimiter: str = ";") -> Iterator[Token]:
    """All that is not blank, from `start` on; END is the `delimiter`."""
    search = _pattern(engine, delimiter).search
    while (match := search(text, start)) is not None:
        kind, end = str(match.lastgroup), match.end()
        if kind == "opening":
            kind, end = _closed(text, match.group(), match.start(), end)
        elif kind == "unclosed":
            kind = QUOTED
        yield Token(kind, match.start(), end)
        start = end


def _closed(text: str, opening: str, begin: int, start: int) -> tuple[str, int]:
    """What begins so, and where it ends."""
    if opening == "/*":
        return COMMENT, _nested(text, start)
    close = opening if opening.startswith("$") else _CLOSING.get(opening[-1], opening[-1]) + "'"
    at = text.find(close, start)
    return QUOTED, len(text) if at < 0 else at + len(close)


_COMMENT = re.compile(r"/\*|\*/")


def _nested(text: str, start: int) -> int:
    """Comments within comments count."""
    depth = 1
    for match in _COMMENT.finditer(text, start):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)
