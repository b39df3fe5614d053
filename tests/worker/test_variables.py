"""Variables in real runs: what a task gets, what its output shows, and that it never runs without one."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from common.db.models import metadata
from common.domain.states import Status
from common.security.encryption import Keyring, new_key
from common.services import variables
from common.services.variables import VariableInput, VariableUpdate
from tests.support.dump import everything
from tests.worker.rig import Rig

SECRET = "s3cr3t-pa/ss+wörd?"


class Store:
    """The variables of a rig's database."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.keyring = Keyring(rig.settings())
        self.keyring.ensure()

    async def add(self, name: str, value: str, **values: Any) -> int:
        data = VariableInput.model_validate({"name": name, "value": value, "scope": "everyone"} | values)
        async with self.rig.database.write() as session:
            now = await self.rig.clock.now(session)
            return int((await variables.create(session, data, keyring=self.keyring, now=now)).id)

    async def change(self, variable_id: int, value: str) -> None:
        async with self.rig.database.write() as session:
            now = await self.rig.clock.now(session)
            data = VariableUpdate(value=value)
            await variables.update(session, variable_id, data, keyring=self.keyring, now=now)

    async def remove(self, variable_id: int) -> None:
        async with self.rig.database.write() as session:
            await variables.delete(session, variable_id, force=True, now=await self.rig.clock.now(session))


@pytest.fixture
def store(rig: Rig) -> Store:
    return Store(rig)


async def test_a_task_finds_its_variables_and_no_others_in_its_environment(rig: Rig, store: Store) -> None:
    await store.add("PLACE", "Köln", secret=False)
    await store.add("PASSWORD", SECRET)
    await store.add("OTHER", "somebody-elses")
    rig.start()
    names = ["PLACE", "PASSWORD"]
    run = await rig.run_command('echo "$PLACE $ROTA_TASK_NAME"; printf %s "$PASSWORD" | wc -c', variables=names)
    alone = await rig.run_command("env")
    assert (await rig.until(run)).status == Status.SUCCESS
    assert (await rig.text(run))[0] == f"Köln a task\n{len(SECRET.encode())}\n"
    await rig.until(alone)
    assert not {"PLACE", "PASSWORD", "OTHER"} & {
        line.partition("=")[0] for line in (await rig.text(alone))[0].split("\n")
    }


async def test_a_secret_is_masked_in_output_and_lies_nowhere_in_clear(rig: Rig, store: Store) -> None:
    await store.add("PASSWORD", SECRET)
    rig.start()
    command = (
        'echo "$PASSWORD"; echo "$PASSWORD" >&2; printf %s "$PASSWORD" | base64; '
        # across two reads, and while it runs
        'printf %s "$PASSWORD" | cut -b1-9 | tr -d "\\n"; sleep 0.7; '
        'printf %s "$PASSWORD" | cut -b10-; head -c 70000 /dev/zero'
    )
    run = await rig.run_command(command, variables=["PASSWORD"])
    assert (await rig.until(run)).status == Status.SUCCESS
    out, err = await rig.text(run)
    assert out.startswith("***\n***")
    assert out.count("***") == 3
    assert err == "***\n"
    assert (await rig.bytes(run, "o")).startswith(b"***\n***")
    clear = [SECRET.encode(), json.dumps(SECRET)[1:-1].encode(), base64.b64encode(SECRET.encode())[:-4]]
    stored = await everything(rig.database, metadata)
    files = b"".join(path.read_bytes() for path in Path(rig.folder).rglob("*") if path.is_file())
    for needle in clear:
        assert needle not in stored
        assert needle not in files


async def test_what_starts_after_a_change_gets_the_new_value(rig: Rig, store: Store) -> None:
    place = await store.add("PLACE", "Köln", secret=False)
    task = await rig.create('echo "$PLACE"', variables=["PLACE"])
    rig.start()
    (first,) = await rig.run(task)
    await rig.until(first)
    await store.change(place, "Bonn")
    (second,) = await rig.run(task)
    await rig.until(second)
    assert [(await rig.text(run))[0] for run in (first, second)] == ["Köln\n", "Bonn\n"]


async def test_a_task_never_runs_without_its_variable(rig: Rig, store: Store) -> None:
    gone = await store.add("PASSWORD", SECRET)
    marker = rig.folder / "ran"
    task = await rig.create(f"touch {marker}", variables=["PASSWORD"])
    await store.remove(gone)
    rig.start()
    (run,) = await rig.run(task)
    row = await rig.until(run)
    assert (row.status, row.error) == (Status.FAILED, "the variable PASSWORD does not exist any more")
    other = await rig.run_command("echo fine")
    assert (await rig.until(other)).status == Status.SUCCESS
    assert not marker.exists()


async def test_a_missing_key_fails_those_who_need_it_and_nobody_else(rig: Rig, store: Store) -> None:
    await store.add("PASSWORD", SECRET)
    needed = store.keyring.keys()[0].name
    task = await rig.create("true", variables=["PASSWORD"])
    kept = store.keyring.keys()
    store.keyring.store([new_key()])
    rig.start()
    (run,) = await rig.run(task)
    fine = await rig.run_command("true")
    row = await rig.until(run)
    assert row.status == Status.FAILED
    assert f"the variable PASSWORD cannot be decrypted: A secret is encrypted with key {needed}" in row.error
    assert (await rig.until(fine)).status == Status.SUCCESS
    store.keyring.store(kept)
    (again,) = await rig.run(task)
    assert (await rig.until(again)).status == Status.SUCCESS


async def test_a_secret_is_masked_in_what_is_said_about_an_execution(rig: Rig, store: Store) -> None:
    await store.add("FOLDER", "/srv/s3cr3t-folder")
    rig.start()
    run = await rig.run_command("true", variables=["FOLDER"], cwd="/srv/s3cr3t-folder")
    row = await rig.until(run)
    assert (row.status, row.error) == (Status.FAILED, "working directory *** does not exist")


async def test_nothing_of_the_worker_reaches_a_task(rig: Rig, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-of-the-worker")
    await store.add("PASSWORD", SECRET)
    rig.spawn()
    # What it has open besides its own 0, 1, 2 is the listing's.
    run = await rig.run_command("echo /proc/$$/fd/*; tr '\\0' '\\n' </proc/self/environ")
    assert (await rig.until(run)).status == Status.SUCCESS
    descriptors, _, environ = (await rig.text(run))[0].partition("\n")
    assert {path.rpartition("/")[2] for path in descriptors.split()} <= {"0", "1", "2", "3"}
    names = {line.partition("=")[0] for line in environ.splitlines()}
    assert "ROTA_EXECUTION_ID" in names
    assert not {"ROTA_DATABASE_URL", "ROTA_DATA_DIR", "ROTA_LEASE", "AWS_SECRET_ACCESS_KEY", "PASSWORD"} & names
    for canary in ("canary-of-the-worker", SECRET, rig.url):
        assert canary not in environ
