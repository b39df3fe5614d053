"""Changing the encryption key: everything is sealed anew, nothing is lost, whatever happens meanwhile."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from cli.main import app as cli
from common.clock import Clock
from common.config import Settings
from common.db.models import Variable, table_of
from common.db.session import Database
from common.errors import KeyMissing
from common.security.encryption import Keyring, key_name, new_key
from common.services import keys, variables
from common.services.variables import VariableInput, VariableUpdate

V = table_of(Variable)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    made = Keyring(Settings(data_dir=tmp_path))
    made.ensure()
    return made


async def fill(database: Database, keyring: Keyring, count: int) -> None:
    async with database.write() as session:
        now = await Clock().now(session)
        for number in range(count):
            data = VariableInput(name=f"V{number}", value=f"secret {number}", scope="everyone")
            await variables.create(session, data, keyring=keyring, now=now)


async def secrets(database: Database, keyring: Keyring) -> list[str]:
    async with database.read() as session:
        rows = await session.execute(select(V.c.id, V.c.sealed).order_by(V.c.id))
        return [keyring.open(row.sealed, variables.place(row.id)) for row in rows]


async def test_every_secret_is_sealed_anew_in_batches(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_BATCH", 4)
    await fill(database, keyring, 11)
    before, added = keyring.keys()[0], new_key()
    keyring.store([added, before])
    assert await keys.reseal(database, keyring) == 11
    assert await keys.reseal(database, keyring) == 0
    async with database.read() as session:
        assert await keys.uses(session) == {added.name: 11}
    keyring.store([added])
    assert await secrets(database, keyring) == [f"secret {number}" for number in range(11)]


async def test_what_was_interrupted_goes_on(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_BATCH", 2)
    await fill(database, keyring, 6)
    keyring.store([new_key(), *keyring.keys()])
    seal, sealed = keyring.seal, 0

    def dies(*arguments: Any) -> str:
        nonlocal sealed
        sealed += 1
        if sealed == 4:
            raise KeyboardInterrupt
        return seal(*arguments)

    monkeypatch.setattr(keyring, "seal", dies)
    with pytest.raises(KeyboardInterrupt):
        await keys.reseal(database, keyring)
    monkeypatch.setattr(keyring, "seal", seal)
    assert len(await secrets(database, keyring)) == 6
    assert await keys.reseal(database, keyring) == 4
    keyring.store(keyring.keys()[:1])
    assert await secrets(database, keyring) == [f"secret {number}" for number in range(6)]


async def test_people_may_write_meanwhile(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_BATCH", 3)
    await fill(database, keyring, 12)
    other = Keyring(Settings(data_dir=keyring.path.parent.parent))
    keyring.store([new_key(), *keyring.keys()])

    async def write(number: int) -> None:
        async with database.write() as session:
            data = VariableUpdate(value=f"changed {number}")
            now = await Clock().now(session)
            await variables.update(session, number + 1, data, keyring=other, now=now)

    await asyncio.gather(keys.reseal(database, keyring), *(write(number) for number in range(0, 12, 2)))
    await keys.reseal(database, keyring)
    keyring.store(keyring.keys()[:1])
    expected = [f"{'secret' if number % 2 else 'changed'} {number}" for number in range(12)]
    assert await secrets(database, keyring) == expected


async def test_the_commands(database: Database, database_url: str, keyring: Keyring, tmp_path: Path) -> None:
    await fill(database, keyring, 3)
    old = keyring.keys()[0].name
    env = {"ROTA_DATABASE_URL": database_url, "ROTA_DATA_DIR": str(tmp_path)}

    async def run(*words: str, code: int = 0) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, cli, ["keys", *words], env=env)
        assert done.exit_code == code, done.output
        return done.output

    assert await run("list") == f"{old}  3 secrets  current\n"
    assert "3 secrets encrypted anew" in await run("rotate")
    current = keyring.keys()[0].name
    assert current != old
    assert await run("list") == f"{current}  3 secrets  current\n{old}  0 secrets  old\n"
    assert "changed a moment ago" in await run("rotate", "--forget-old", code=2)
    os.utime(keyring.path, (1, 1))
    assert "1 keys forgotten" in await run("rotate", "--forget-old")
    assert [key.name for key in keyring.keys()] == [current]  # noqa: SIM118
    assert "Added " in await run("add")
    added = keyring.keys()[1].name
    assert keyring.keys()[0].name == current
    await run("rotate", "--to", added)
    assert keyring.keys()[0].name == added
    assert "There is no key nonsense" in await run("rotate", "--to", "nonsense", code=2)
    assert len((await run("generate")).strip()) == 44
    assert len(await secrets(database, keyring)) == 3


async def test_a_secret_whose_key_is_gone_is_named(database: Database, keyring: Keyring) -> None:
    await fill(database, keyring, 1)
    async with database.read() as session:
        sealed = await session.scalar(select(V.c.sealed))
    assert sealed
    keyring.store([new_key()])
    with pytest.raises(KeyMissing, match=key_name(sealed)):
        await keys.reseal(database, keyring)
