"""Keeps secrets out of output: finds them in a stream, whatever pieces it comes in, and puts *** in their place.

Found are each secret and each line of it, as they are, URL-encoded, escaped as in JSON, and in base64 wherever in the
encoded text they begin, also where a line of base64 was wrapped. Nothing that may be the beginning of a secret is let
through before what follows shows that it is none; all else passes at once.
"""

import json
import re
import string
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = b"***"
SHORTEST = 6  # bytes; shorter lines turn up by chance
_WRAPPED_AT = 56  # base64 characters in a line, from which on its end may be a wrap; tools wrap at 64 or 76
_BASE64 = (string.ascii_letters + string.digits + "+/_-").encode()
_LINE_END = re.compile(rb"\r\n?|\n")
_PREFIX = 4  # bytes of a needle that are looked for at the end of a buffer; what is shorter is tried one by one
_TRIES = 32  # places looked at that closely; from there on all is held back, which costs memory and never a secret

Span = tuple[int, int]


def needles(secrets: Iterable[str]) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Returns what to look for as it stands, and what to look for in base64, for the values of secrets."""
    plain: set[bytes] = set()
    coded: set[bytes] = set()
    for secret in secrets:
        for text in {secret, *secret.splitlines()}:
            for form in {text, text.strip()}:
                plain |= _plain(form)
                coded |= _base64(form.encode("utf-8", "surrogateescape"))
    return frozenset(_long(plain)), frozenset(_long(coded))


def _long(found: Iterable[bytes]) -> Iterator[bytes]:
    return (needle for needle in found if len(needle) >= SHORTEST)


def _plain(text: str) -> set[bytes]:
    raw = text.encode("utf-8", "surrogateescape")
    if len(raw.strip()) < SHORTEST:
        return set()
    quoted = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    quoted |= {re.sub("%..", lambda code: code[0].lower(), each) for each in quoted}
    escaped = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return {raw} | {each.encode("utf-8", "surrogateescape") for each in quoted | escaped}


def _base64(raw: bytes) -> set[bytes]:
    """The part of the encoded text that is the same whatever stands before and after, for each place to begin at."""
    if len(raw.strip()) < SHORTEST:
        return set()
    found = set()
    for before in range(3):
        coded = b64encode(bytes(before) + raw)
        whole = coded if (before + len(raw)) % 3 == 0 else coded.rstrip(b"=")[:-1]
        part = whole[before + 1 if before else 0 :]
        found |= {part, part.replace(b"+", b"-").replace(b"/", b"_")}
    return found


class Masker:
    """One stream. What `feed` and `close` return, one after the other, is the stream with its secrets masked."""

    def __init__(self, plain: Iterable[bytes], coded: Iterable[bytes]) -> None:
        self._plain = tuple(plain)
        self._coded = tuple(coded)
        self._buffer = b""  # the end of what came: some that was let through, for looking back, and all that was not
        self._done = 0  # bytes of the buffer that were let through, or masked already

    @classmethod
    def of(cls, secrets: Iterable[str]) -> "Masker":
        """For the values of secrets."""
        return cls(*needles(secrets))

    def feed(self, data: bytes) -> bytes:
        """Takes what was read; returns what may be shown by now."""
        return self._advance(self._buffer + data, final=False)

    def close(self) -> bytes:
        """Returns what was held back."""
        return self._advance(self._buffer, final=True)

    def _advance(self, buffer: bytes, *, final: bool) -> bytes:
        text = _Unwrapped(buffer)
        spans = _merged([*_found(buffer, self._plain), *map(text.span, _found(text.flat, self._coded))])
        cut = len(buffer)
        if not final:
            cut -= _begun(buffer, self._plain)
            if begun := _begun(text.flat, self._coded):
                cut = min(cut, text.start(len(text.flat) - begun))
        shown, done = _masked(buffer, spans, self._done, cut)
        keep = max(0, cut - _WRAPPED_AT - 2)
        self._buffer, self._done = buffer[keep:], done - keep
        return shown


def _masked(buffer: bytes, spans: Iterable[Span], begin: int, end: int) -> tuple[bytes, int]:
    """Returns buffer[begin:end] with the spans that begin there masked, and where what was not seen to begins."""
    shown = []
    for start, stop in spans:
        if start >= end:
            break
        if start < begin:  # its mask went out already
            begin = max(begin, stop)
            continue
        shown += [buffer[begin:start], MASK]
        begin = stop
    if begin < end:
        shown.append(buffer[begin:end])
    return b"".join(shown), max(begin, end)


def _found(text: bytes, wanted: Iterable[bytes]) -> Iterator[Span]:
    """Where the needles stand. Of places that overlap one another the first and the last say all about the rest."""
    for needle in wanted:
        size = len(needle)
        at = text.find(needle)
        while at >= 0:
            yield at, at + size
            last = text.rfind(needle, at + 1, at + 2 * size - 1)
            at = last if last >= 0 else text.find(needle, at + size)


def _merged(spans: list[Span]) -> list[Span]:
    """Spans that overlap become one."""
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _begun(text: bytes, wanted: Iterable[bytes]) -> int:
    """Returns how many bytes at the end may be the beginning of a needle: the most that any asks for."""
    return max((_overlap(text, needle) for needle in wanted), default=0)


def _overlap(text: bytes, needle: bytes) -> int:
    """Returns the length of the longest end of `text` that is a beginning of `needle`, and not all of it."""
    head = needle[:_PREFIX]
    at = max(0, len(text) - len(needle) + 1) - 1
    for _ in range(_TRIES):
        at = text.find(head, at + 1)
        if at < 0:
            return next((size for size in range(_PREFIX - 1, 0, -1) if text.endswith(needle[:size])), 0)
        if needle.startswith(text[at:]):
            break
    return len(text) - at


class _Unwrapped:
    """A text without the wraps in base64, and the way back from it."""

    def __init__(self, text: bytes) -> None:
        self._at: list[int] = []  # where in `flat` a wrap was
        self._gone: list[int] = [0]  # bytes taken out before the n-th place
        parts, last = [], 0
        for end in _LINE_END.finditer(text):
            at = end.start()
            if at >= _WRAPPED_AT and not text[at - _WRAPPED_AT : at].translate(None, _BASE64):
                parts.append(text[last:at])
                last = end.end()
                self._at.append(at - self._gone[-1])
                self._gone.append(self._gone[-1] + last - at)
        self.flat = b"".join([*parts, text[last:]]) if parts else text

    def start(self, place: int) -> int:
        """Returns where in the text the byte at this place of `flat` is."""
        return place + self._gone[bisect_right(self._at, place)]

    def span(self, flat: Span) -> Span:
        """Returns where in the text a span of `flat` stands."""
        return self.start(flat[0]), self.start(flat[1] - 1) + 1
