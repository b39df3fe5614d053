"""Masking: the stream comes out as a plain search over the whole would have it, whatever pieces it came in."""

import base64
import json
import re
import urllib.parse
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from worker.runner.masking import MASK, Masker

SECRET = "s3cr3t-pa/ss+wörd?"


def stream(masker: Masker, pieces: Iterable[bytes]) -> bytes:
    return b"".join([*(masker.feed(piece) for piece in pieces), masker.close()])


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The data in pieces that end at these places."""
    ends = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return [data[begin:end] for begin, end in pairwise(ends)]


def reference(data: bytes, plain: Sequence[bytes], coded: Sequence[bytes]) -> bytes:
    """The same by the shortest way there is: look everywhere in the whole."""
    wraps = {
        place
        for found in re.finditer(rb"\r\n|\r|\n", data)
        if re.fullmatch(rb"[A-Za-z0-9+/_-]{56}", data[max(0, found.start() - 56) : found.start()])
        for place in range(*found.span())
    }
    kept = [place for place in range(len(data)) if place not in wraps]
    flat = bytes(data[place] for place in kept)
    spans = [(at, at + len(needle)) for needle in plain for at in range(len(data)) if data.startswith(needle, at)] + [
        (kept[at], kept[at + len(needle) - 1] + 1)
        for needle in coded
        for at in range(len(flat))
        if flat.startswith(needle, at)
    ]
    out, last = b"", 0
    for begin, end in sorted(spans):
        if begin >= last:
            out += data[last:begin] + MASK
        last = max(last, end)
    return out + data[last:]


_few = st.lists(st.sampled_from([b"a", b"b", b"\n", b"\r\n"]), min_size=0, max_size=40).map(b"".join)
_line = st.builds(lambda text, end: text + end, st.text("ab", min_size=50, max_size=62).map(str.encode), _few)
_data = st.lists(st.one_of(_few, _line), max_size=5).map(b"".join)
_needle = st.text("ab", min_size=1, max_size=9).map(str.encode)


@settings(max_examples=150, deadline=None)
@given(_data, st.lists(_needle, max_size=3), st.lists(_needle, max_size=3), st.lists(st.integers(0, 400), max_size=12))
@example(b"a" * 60 + b"\r\nb", [], [b"aab"], [61])
@example(b"abababa", [b"aba"], [], [1, 2, 3, 4, 5, 6])
def test_any_pieces_come_out_as_the_whole_would(
    data: bytes, plain: list[bytes], coded: list[bytes], places: list[int]
) -> None:
    expected = reference(data, plain, coded)
    assert stream(Masker(plain, coded), cut(data, places)) == expected
    assert stream(Masker(plain, coded), [data[at : at + 1] for at in range(len(data))]) == expected


def forms(secret: str) -> dict[str, bytes]:
    """A secret as programs print it."""
    raw = secret.encode()
    found = {
        "plain": raw,
        "url": urllib.parse.quote(secret, safe="").encode(),
        "form": urllib.parse.quote_plus(secret).encode(),
        "lower case url": re.sub("%..", lambda code: code[0].lower(), urllib.parse.quote(secret, safe="")).encode(),
        "json": json.dumps(secret).encode(),
        "json in utf-8": json.dumps(secret, ensure_ascii=False).encode(),
    }
    for before in range(7):
        for after in range(4):
            around = b"x" * before + raw + b"y" * after
            found[f"base64 {before} {after}"] = base64.b64encode(around)
            found[f"urlsafe base64 {before} {after}"] = base64.urlsafe_b64encode(around)
            found[f"wrapped base64 {before} {after}"] = base64.encodebytes(b"z" * 50 + around)
    return found


def told(shown: bytes, secret: str) -> bool:
    """Whether the text still gives the secret away: as it is, or in base64 with at most two characters lost."""
    raw = secret.encode()
    texts = [shown, urllib.parse.unquote_to_bytes(shown), re.sub(rb"\s", b"", shown)]
    runs = re.findall(rb"[A-Za-z0-9+/_-]{4,}", texts[2])
    for run in runs:
        for skipped in range(4):
            part = run[skipped:].translate(bytes.maketrans(b"-_", b"+/"))
            part = part[: -1 if len(part) % 4 == 1 else None]
            texts.append(base64.b64decode(part + b"=" * (-len(part) % 4)))
    middle = raw[1:-1]
    return any(middle in text for text in texts)


@pytest.mark.parametrize("secret", [SECRET, "hunter", "hunter2", "hunter22", "x" * 3 + "0123456789" * 9])
def test_a_secret_is_found_in_every_form_programs_print_it_in(secret: str) -> None:
    for name, form in forms(secret).items():
        assert told(form, secret) or "json" in name, name
        for data in (form, b"before " + form + b" after\n", form + b"\n" + form):
            for pieces in ([data], [data[at : at + 1] for at in range(len(data))], cut(data, range(0, 300, 7))):
                shown = stream(Masker.of([secret]), pieces)
                assert not told(shown, secret), (name, shown)
                assert MASK in shown, name


def test_each_line_of_a_secret_is_one() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\r\n  indented line\nab\n-----END KEY-----\n"
    assert stream(Masker.of([key]), [key.encode()]) == b"***"
    assert stream(Masker.of([key]), [b"> MIIEvQIBADANBgkq <"]) == b"> *** <"
    assert stream(Masker.of([key]), [b"indented line"]) == b"***"
    assert stream(Masker.of([key]), [b"ab"]) == b"ab"


def test_what_is_no_secret_passes_at_once_and_unchanged() -> None:
    masker = Masker.of([SECRET])
    for line in (
        b"hello\n",
        bytes(range(256)) * 300,
        b"\xff\xfe\x00\n",
        b"QUJD" * 1000 + b"\n",
        b"s3cr3t-pa is none\n",
    ):
        assert masker.feed(line) == line
    assert masker.close() == b""


def test_only_what_may_be_the_beginning_of_a_secret_is_held_back() -> None:
    masker = Masker.of(["hunter2"])
    assert masker.feed(b"the password is hunt") == b"the password is "
    assert masker.feed(b"ing\n") == b"hunting\n"
    assert masker.feed(b"hunter") == b""
    assert masker.close() == b"hunter"


@pytest.mark.parametrize("secret", ["ab" * 30_000, "a" * 50_000, "a" * 30_000 + "b"])
def test_a_long_monotonous_secret_does_not_take_for_ever(secret: str) -> None:
    masker = Masker.of([secret])
    data = (secret[:-1] + "a") * 3 + "c"
    assert len(stream(masker, cut(data.encode(), range(0, len(data), 65536)))) <= len(data)


def test_little_is_kept_in_memory_of_a_stream_that_is_one_long_secret() -> None:
    masker = Masker.of(["a" * 100])
    for _ in range(50):
        masker.feed(b"a" * 4096)
        assert len(masker._buffer) < 1000
