"""Secrets that tests plant, and the search for them in whatever is left: files, pages, dumps.

Each is long and odd enough to stand nowhere by chance. `left_in` is what `scripts/test` does at its end over everything
a whole run wrote: databases and their logs, spools, work folders, logs of Rota.
"""

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

#: What tests plant, by what it is.
CANARIES = {
    "password of the administrator": "correct horse battery",
    "password of somebody": "cnry-person-Quail-4718-Lagoon",
    "what was typed into the wrong field": "cnry-typed-Heron-2207-Basalt",
    "wrong password": "cnry-wrong-Finch-9034-Meadow",
    "variable": "cnry-variable-Osprey-5521-Harbor",
    "password of a data source": "cnry-source-Plover-8810-Cinder",
    "secret of the OpenID Connect client": "cnry-client-Wagtail-3365-Ember",
}
#: Secrets that nobody chooses: API keys, tokens that are signed, refresh tokens.
_MADE = "|".join(
    (
        # and no more: in a row of `api_keys` the digest of a key follows at once on how the key begins
        r"rota_[A-Za-z0-9_-]{43}([^A-Za-z0-9_-]|$)",
        r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}",
        r"[0-9a-f]{32}\.[A-Za-z0-9_-]{43}",
    )
)


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it may be written down."""
    yield secret.encode()
    if quote(secret) != secret:
        yield quote(secret).encode()
    for offset in range(3):  # base64 within something longer: what does not depend on its neighbours
        coded = base64.b64encode(b"x" * offset + secret.encode())
        yield coded[4 if offset else 0 : len(coded) - 4]


def needles() -> list[bytes]:
    """Every canary in every form."""
    return [form for secret in CANARIES.values() for form in forms(secret)]


def found_in(data: bytes, *more: str) -> list[str]:
    """The canaries, and further secrets, that stand in these bytes."""
    named = {**CANARIES, **{each: each for each in more}}
    return [name for name, secret in named.items() if any(form in data for form in forms(secret))]


def left_in(folder: Path) -> list[str]:
    """Files below the folder that hold a canary, or a secret that Rota made. Key files are no canaries."""
    list_ = folder / "canaries.list"
    list_.write_bytes(b"\n".join(needles()) + b"\n")
    try:
        planted = _grep(folder, "-F", "-f", str(list_))
    finally:
        list_.unlink()
    return sorted({*planted, *_grep(folder, "-E", _MADE)})


def _grep(folder: Path, *pattern: str) -> list[str]:
    # As bytes: what a database wrote is no text. A file that is gone meanwhile is none of ours.
    # What schemathesis was started with stands in its own notes, and what a browser keeps is the browser's.
    command = ["grep", "-rlaD", "skip", "--exclude=canaries.list", "--exclude-dir=.schemathesis", *pattern, "--", "."]
    done = subprocess.run(command, cwd=folder, env={"LC_ALL": "C"}, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()
