"""Secrets at rest: AES-256-GCM under keys that are kept outside the database.

A sealed text reads `v1:KEY:DATA`. KEY names the key (the first eight hex digits of its SHA-256), so that several may be
in use while they change. DATA is base64 of a random 96-bit nonce and the ciphertext with its tag. Table, column and
row are authenticated with it: a sealed text that somebody moves to another row does not open there.

To keep a secret in a table: give its column the type `common.db.types.Ciphertext` and a row an id first (flush), then

    row.token = keyring.seal("the secret", Place("channels", "token", row.id))
    keyring.open(row.token, Place("channels", "token", row.id))

`rota keys rotate` finds every column of that type by itself.
"""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.config import Settings
from common.errors import ConfigurationError, KeyMissing
from common.i18n import N_
from common.security import keyfiles

log = structlog.get_logger()

_VERSION = "v1"
_KEY_BYTES = 32
_NONCE_BYTES = 12
#: A random key has some 30 different bytes; published samples (zeros, "0123…", a repeated word) have few, or are text.
_LEAST_VARIETY = 16
_HEAD = (
    "# Rota's encryption keys: the first encrypts, all of them decrypt. Keep a copy, apart from backups of the data.\n"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed text belongs: it opens nowhere else."""

    table: str
    column: str
    row: int

    def data(self) -> bytes:
        """The same for the cipher, as data it authenticates."""
        return f"rota:{self.table}:{self.column}:{self.row}".encode()


@dataclass(frozen=True, slots=True)
class Key:
    """One key. Its name says nothing about it: 32 bits of a hash of 256 random ones."""

    secret: bytes

    @property
    def name(self) -> str:
        """How sealed texts, messages and commands call it."""
        return hashlib.sha256(b"rota key name:" + self.secret).hexdigest()[:8]

    def text(self) -> str:
        """As it stands in the file and in the setting."""
        return base64.urlsafe_b64encode(self.secret).decode()

    def __repr__(self) -> str:
        return f"Key({self.name})"


class Keyring:
    """The keys of one machine. The file is read again when it has changed, so keys may change while Rota runs."""

    def __init__(self, settings: Settings) -> None:
        given = settings.encryption_keys
        self._given = None if given is None else _parse(given.get_secret_value().split(","), "ROTA_ENCRYPTION_KEYS")
        self.path = settings.data_dir / "keys" / "encryption.keys"
        self._seen: tuple[int, int, int] | None = None
        self._keys: Sequence[Key] = self._given or ()
        self._ciphers = {key.name: AESGCM(key.secret) for key in self._keys}

    @property
    def from_settings(self) -> bool:
        """Whether the keys come from ROTA_ENCRYPTION_KEYS; otherwise from the file."""
        return self._given is not None

    def ensure(self) -> None:
        """Make the file with a first key when there is neither a file nor the setting; check what there is.

        Raises ConfigurationError for a key that will not do, or a file that others may read.
        """
        if not self.from_settings:
            keyfiles.make(self.path, _file_text([new_key()]))
        self.keys()

    def keys(self) -> Sequence[Key]:
        """Every key, the current one first; none when the file is not there. Raises ConfigurationError."""
        if not self.from_settings and (seen := _version(self.path)) != self._seen:
            self._keys = _read(self.path) if seen else ()
            self._ciphers = {key.name: AESGCM(key.secret) for key in self._keys}
            self._seen = seen
        return self._keys

    def store(self, keys: Sequence[Key]) -> None:
        """Write the file anew, the current key first. Raises ConfigurationError when the setting holds the keys."""
        if self.from_settings:
            raise ConfigurationError("The keys are set by ROTA_ENCRYPTION_KEYS: change them there.")
        keyfiles.replace(self.path, _file_text(keys))

    def seal(self, text: str, place: Place) -> str:
        """Encrypt `text` for this place with the current key. Raises KeyMissing when this machine has none."""
        keys = self._usable()
        if not keys:
            raise KeyMissing(
                N_("This machine has no encryption key: keys/encryption.keys is missing in its data folder.")
            )
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[keys[0].name].encrypt(nonce, text.encode(), place.data())
        return f"{_VERSION}:{keys[0].name}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, place: Place) -> str:
        """Decrypt what was sealed for this place.

        Raises KeyMissing when this machine does not have its key, or it was changed or moved.
        """
        version, _, rest = sealed.partition(":")
        name, _, data = rest.partition(":")
        self._usable()
        cipher = self._ciphers.get(name) if version == _VERSION else None
        if cipher is None:
            text = N_(
                "A secret is encrypted with key {key}, which this machine does not have. Put it back into"
                " keys/encryption.keys or ROTA_ENCRYPTION_KEYS, or enter the secret again."
            )
            raise KeyMissing(text, key=name[:16] or "?")
        try:
            raw = base64.b64decode(data, validate=True)
            return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.data()).decode()
        except (InvalidTag, ValueError, binascii.Error):
            text = N_("The secret in {place} was changed or moved outside of Rota. Enter it again.")
            raise KeyMissing(text, place=f"{place.table} {place.row}") from None

    def _usable(self) -> Sequence[Key]:
        try:
            return self.keys()
        except ConfigurationError as error:
            log.error("encryption keys cannot be used", error=str(error))
            raise KeyMissing(N_("This machine's encryption keys cannot be used; its log says why.")) from None


def new_key() -> Key:
    """A random key."""
    return Key(secrets.token_bytes(_KEY_BYTES))


def key_name(sealed: str) -> str:
    """The name of the key that sealed this."""
    return sealed.split(":", 2)[1]


def sealed_with(name: str) -> str:
    """What everything sealed with the key of this name starts with."""
    return f"{_VERSION}:{name}:"


def _version(path: Path) -> tuple[int, int, int] | None:
    """What tells one content of the file from another; None when there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path) -> Sequence[Key]:
    lines = [line for line in keyfiles.read(path).splitlines() if not line.startswith("#")]
    return _parse(lines, str(path))


def _parse(lines: Sequence[str], source: str) -> Sequence[Key]:
    """The keys of a text, each once. Raises ConfigurationError that names `source`, never a key."""
    keys = dict.fromkeys(_key(line.strip(), source) for line in lines if line.strip())
    if not keys:
        raise ConfigurationError(f"{source} holds no key. `rota keys generate` prints one.")
    return tuple(keys)


def _key(text: str, source: str) -> Key:
    try:
        secret = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != _KEY_BYTES:
        raise ConfigurationError(
            f"{source}: a key is 32 random bytes in base64, 43 or 44 characters. `rota keys generate` prints one."
        )
    if len(set(secret)) < _LEAST_VARIETY or secret.isascii():
        raise ConfigurationError(f"{source}: a key is not random. `rota keys generate` prints one.")
    return Key(secret)


def _file_text(keys: Sequence[Key]) -> str:
    return _HEAD + "".join(f"{key.text()}\n" for key in keys)
