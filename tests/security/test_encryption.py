"""Secrets at rest: what seals, what opens, and what is said when it does not."""

import base64
import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from common.config import Settings
from common.db.types import Ciphertext
from common.errors import ConfigurationError, KeyMissing
from common.security.encryption import Keyring, Place, key_name, new_key

HERE = Place("variables", "value", 7)


def ring(folder: Path, **settings: object) -> Keyring:
    made = Keyring(Settings(data_dir=folder, **settings))  # type: ignore[arg-type]
    made.ensure()
    return made


def test_what_was_sealed_opens_in_its_place(tmp_path: Path) -> None:
    keyring = ring(tmp_path)
    for text in ("", "hunter2", "密码 🔑", "x" * 100_000, "two\nlines\0"):
        assert keyring.open(keyring.seal(text, HERE), HERE) == text


def test_the_same_text_never_seals_alike(tmp_path: Path) -> None:
    keyring = ring(tmp_path)
    assert len({keyring.seal("hunter2", HERE) for _ in range(100)}) == 100


def test_a_sealed_text_does_not_show_what_it_holds(tmp_path: Path) -> None:
    sealed = ring(tmp_path).seal("hunter2 hunter2", HERE)
    assert b"hunter2" not in base64.b64decode(sealed.split(":")[2])


@pytest.mark.parametrize(
    "elsewhere", [Place("variables", "value", 8), Place("channels", "value", 7), Place("variables", "token", 7)]
)
def test_a_sealed_text_opens_nowhere_else(tmp_path: Path, elsewhere: Place) -> None:
    keyring = ring(tmp_path)
    with pytest.raises(KeyMissing, match="changed or moved"):
        keyring.open(keyring.seal("hunter2", HERE), elsewhere)


def test_no_changed_byte_goes_unnoticed(tmp_path: Path) -> None:
    keyring = ring(tmp_path)
    version, name, data = keyring.seal("hunter2", HERE).split(":")
    raw = base64.b64decode(data)
    for at in range(len(raw)):
        forged = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(KeyMissing):
            keyring.open(f"{version}:{name}:{base64.b64encode(forged).decode()}", HERE)


@pytest.mark.parametrize(
    "broken", ["", "hunter2", "v1", "v1:", "v2:0:0", "v1:{name}:", "v1:{name}:@@", "v1:{name}:QUJD"]
)
def test_what_is_no_sealed_text_is_refused_in_words(tmp_path: Path, broken: str) -> None:
    keyring = ring(tmp_path)
    with pytest.raises(KeyMissing):
        keyring.open(broken.replace("{name}", keyring.keys()[0].name), HERE)


def test_a_missing_key_is_named_with_the_way_out(tmp_path: Path) -> None:
    sealed = ring(tmp_path / "a").seal("hunter2", HERE)
    with pytest.raises(KeyMissing, match=f"key {key_name(sealed)}, which.*keys/encryption.keys"):
        ring(tmp_path / "b").open(sealed, HERE)


def test_a_machine_without_keys_makes_none_by_itself(tmp_path: Path) -> None:
    keyring = Keyring(Settings(data_dir=tmp_path))
    with pytest.raises(KeyMissing, match="no encryption key"):
        keyring.seal("hunter2", HERE)
    assert not keyring.path.exists()


def test_the_key_file_is_private_and_made_once(tmp_path: Path) -> None:
    keyring = ring(tmp_path)
    assert keyring.path.stat().st_mode & 0o777 == 0o600
    assert keyring.path.parent.stat().st_mode & 0o777 == 0o700
    assert ring(tmp_path).keys() == keyring.keys()


def test_keys_may_change_while_rota_runs(tmp_path: Path) -> None:
    api, worker = ring(tmp_path), ring(tmp_path)
    old = api.seal("hunter2", HERE)
    assert worker.open(old, HERE) == "hunter2"
    added = new_key()
    api.store([added, *api.keys()])
    new = api.seal("hunter3", HERE)
    assert key_name(new) == added.name
    assert (worker.open(old, HERE), worker.open(new, HERE)) == ("hunter2", "hunter3")
    api.store([added])
    with pytest.raises(KeyMissing):
        worker.open(old, HERE)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    keyring = ring(tmp_path)
    sealed = keyring.seal("hunter2", HERE)
    keyring.path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        ring(tmp_path)
    keyring.path.touch()
    with pytest.raises(KeyMissing, match="its log says why"):
        keyring.open(sealed, HERE)


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "changeme",
        _encoded(os.urandom(31)),
        _encoded(os.urandom(33)),
        _encoded(bytes(32)),
        _encoded(b"0123456789abcdef0123456789abcdef"),
        _encoded(b"abcdefghijklmnopqrstuvwxyz012345"),
        f"{_encoded(os.urandom(32))},changeme",
    ],
    # Names of their own: by default the random values would name the tests, another way in every process.
    ids=["empty", "sample", "short", "long", "zeros", "digits", "letters", "second-one-bad"],
)
def test_a_key_that_is_no_random_key_is_refused_and_not_repeated(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ConfigurationError, match="ROTA_ENCRYPTION_KEYS") as refused:
        ring(tmp_path, encryption_keys=SecretStr(bad))
    assert not bad or bad not in str(refused.value)


def test_keys_of_the_setting_serve_several_machines(tmp_path: Path) -> None:
    first, second = new_key(), new_key()
    one = ring(tmp_path / "a", encryption_keys=SecretStr(f"{first.text()}, {second.text().rstrip('=')}"))
    other = ring(tmp_path / "b", encryption_keys=SecretStr(f"{second.text()},{first.text()}"))
    assert other.open(one.seal("hunter2", HERE), HERE) == "hunter2"
    assert one.open(other.seal("hunter3", HERE), HERE) == "hunter3"
    assert not one.path.exists()
    with pytest.raises(ConfigurationError, match="ROTA_ENCRYPTION_KEYS"):
        one.store([second])


def test_no_representation_shows_a_key(tmp_path: Path) -> None:
    key = new_key()
    keyring = ring(tmp_path, encryption_keys=SecretStr(key.text()))
    for shown in (repr(key), str(key), f"{keyring.keys()}"):
        assert key.text() not in shown
        assert key.name in shown


def test_a_column_of_secrets_refuses_what_is_not_sealed(tmp_path: Path) -> None:
    from sqlalchemy.dialects import sqlite

    column, dialect = Ciphertext(), sqlite.dialect()
    sealed = ring(tmp_path).seal("hunter2", HERE)
    assert column.process_bind_param(sealed, dialect) == sealed
    assert column.process_bind_param("", dialect) == ""
    with pytest.raises(ValueError, match="not encrypted") as refused:
        column.process_bind_param("hunter2", dialect)
    assert "hunter2" not in str(refused.value)
