"""Cuts a script into statements, by the grammar of each engine: what its own command line tool would send one by one.

MySQL: `DELIMITER`, and bodies of routines also without it. PostgreSQL: `$$ … $$`, `BEGIN ATOMIC`. SQLite: bodies of
triggers. Oracle: PL/SQL up to a line with nothing but `/`. SQL Server: batches between lines with nothing but `GO`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from common.datasources.scanner import COMMENT, END, WORD, Token, tokens

_EXCERPT = 200
_SLASH = re.compile(r"^[ \t]*/[ \t]*(?=\r?$)", re.MULTILINE)
_GO = re.compile(r"^[ \t]*GO(?:[ \t]+(\d{1,4}))?[ \t]*;?[ \t]*(?:--[^\n]*)?(?=\r?$)", re.MULTILINE | re.IGNORECASE)
_DELIMITER = re.compile(r"DELIMITER[ \t]+(\S+)[^\n]*", re.IGNORECASE)
#: Words that may stand between CREATE and what is created.
_BETWEEN = {
    *("OR", "REPLACE", "ALTER", "DEFINER", "TEMP", "TEMPORARY", "EDITIONABLE", "NONEDITIONABLE", "AGGREGATE"),
    *("AND", "COMPILE", "RESOLVE", "NOFORCE", "FORCE", "CONSTRAINT", "SQL", "SECURITY", "INVOKER", "IF", "NOT"),
}
_ROUTINES = {
    "mysql": {"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"},
    "sqlite": {"TRIGGER"},
    "postgresql": {"PROCEDURE", "FUNCTION"},
    "oracle": {"PROCEDURE", "FUNCTION", "PACKAGE", "TRIGGER", "TYPE", "LIBRARY", "JAVA"},
    "sqlserver": set[str](),
}
#: END of these closes what was never counted.
_NOT_COUNTED = {"IF", "LOOP", "WHILE", "REPEAT", "FOR"}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its number from 1, its text without the end mark, the line it begins in (from 1), its first word
    in capitals, and how often it is to be run."""

    number: int
    text: str
    line: int
    word: str
    times: int = 1

    @property
    def excerpt(self) -> str:
        """Its beginning in one line, for people."""
        text = " ".join(self.text[: _EXCERPT * 4].split())
        return text if len(text) <= _EXCERPT and len(self.text) <= _EXCERPT * 4 else f"{text[:_EXCERPT]}…"


def split(script: str, engine: str) -> list[Statement]:
    """The statements of a script; what is only comment is none."""
    found: list[Statement] = []
    line, counted = 1, 0
    for start, end, word, times in _PIECES.get(engine, _by_semicolon)(script, engine):
        line += script.count("\n", counted, start)
        counted = start
        found.append(Statement(len(found) + 1, script[start:end].rstrip(), line, word, times))
    return found


Piece = tuple[int, int, str, int]


class _Piece:
    """What is known of the statement that is being read."""

    def __init__(self) -> None:
        self.start: int | None = None
        self.end = 0
        self.words: list[str] = []

    def take(self, script: str, token: Token) -> str:
        """Note a token; returns its word in capitals, "" for what is none."""
        if self.start is None:
            self.start = token.start
        self.end = token.end
        word = script[token.start : token.end].upper() if token.kind == WORD else ""
        if word and len(self.words) < 12:
            self.words.append(word)
        return word

    @property
    def first(self) -> str:
        return self.words[0] if self.words else ""

    def made(self) -> str:
        """What a CREATE creates, as far as it can be told yet; "" for another statement."""
        if self.first not in ("CREATE", "ALTER", "REPLACE"):
            return ""
        return next((word for word in self.words[1:] if word not in _BETWEEN and word not in _USERS), "")


#: DEFINER = root@localhost, in words; names of other accounts are rarely written bare.
_USERS = {"ROOT", "LOCALHOST", "CURRENT_USER", "ADMIN"}


def _by_semicolon(script: str, engine: str) -> Iterator[Piece]:
    """MySQL, PostgreSQL, SQLite: a semicolon ends a statement, except in the body of a routine."""
    routines = _ROUTINES[engine]
    delimiter, at = ";", 0
    while True:
        piece, depth, before, again = _Piece(), 0, "", None
        for token in tokens(script, engine, start=at, delimiter=delimiter):
            if token.kind == COMMENT:
                continue
            if engine == "mysql" and piece.start is None and (told := _DELIMITER.match(script, token.start)):
                delimiter, again = told[1], told.end()
                break
            if token.kind == END and depth <= 0:
                if piece.start is not None:
                    yield piece.start, piece.end, piece.first, 1
                again = token.end
                break
            word = piece.take(script, token)
            if delimiter == ";" and word and piece.first == "CREATE" and piece.words:
                depth += _deeper(word, before, engine) if piece.made() in routines else 0
                if before == "END" and word in _NOT_COUNTED | {"CASE"}:
                    depth += 1 if word in _NOT_COUNTED else 0
                before = word
            elif token.kind == END:
                before = ""
        if again is None:
            if piece.start is not None:
                yield piece.start, piece.end, piece.first, 1
            return
        at = again


def _deeper(word: str, before: str, engine: str) -> int:
    """How much deeper in blocks one is after this word."""
    if word == "END":
        return -1
    if word == "CASE":
        return 0 if before == "END" else 1
    if word == "BEGIN":
        return 0 if engine == "postgresql" else 1
    return 1 if word == "ATOMIC" and before == "BEGIN" else 0


def _oracle(script: str, engine: str) -> Iterator[Piece]:
    """A semicolon ends a statement, a line with a slash ends PL/SQL, semicolons included."""
    slashes = [match.span() for match in _SLASH.finditer(script)]
    piece = _Piece()
    block = False
    next_slash = 0
    for token in tokens(script, engine):
        while next_slash < len(slashes) and slashes[next_slash][1] <= token.start:
            next_slash += 1
        if next_slash < len(slashes) and slashes[next_slash][0] <= token.start < slashes[next_slash][1]:
            if piece.start is not None:
                yield piece.start, piece.end, piece.first, 1
            piece, block = _Piece(), False
        elif token.kind == COMMENT:
            continue
        elif token.kind == END and not block:
            if piece.start is not None:
                yield piece.start, piece.end, piece.first, 1
            piece = _Piece()
        else:
            piece.take(script, token)
            block = block or _is_block(piece)
    if piece.start is not None:
        yield piece.start, piece.end, piece.first, 1


def _is_block(piece: _Piece) -> bool:
    return (
        piece.first in ("BEGIN", "DECLARE")
        or piece.made() in _ROUTINES["oracle"]
        or (piece.first == "WITH" and piece.words[1:2] in (["FUNCTION"], ["PROCEDURE"]))
    )


def _sqlserver(script: str, engine: str) -> Iterator[Piece]:
    """Batches. A GO in a comment or a string is none."""
    found = list(_GO.finditer(script))
    marks = {match.end(): match for match in found}
    starts = {match.start() + len(match.group()) - len(match.group().lstrip()): match for match in found}
    piece, skip = _Piece(), 0
    for token in tokens(script, engine):
        if token.start < skip:
            continue
        if token.start in starts and starts[token.start].end() in marks:
            match = starts[token.start]
            if piece.start is not None:
                yield piece.start, piece.end, piece.first, max(1, int(match[1] or 1))
            piece, skip = _Piece(), match.end()
        elif token.kind != COMMENT and (piece.start is not None or token.kind != END):
            piece.take(script, token)
    if piece.start is not None:
        yield piece.start, piece.end, piece.first, 1


_PIECES = {"oracle": _oracle, "sqlserver": _sqlserver}
