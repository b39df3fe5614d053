"""Files that tasks leave: put into the store and written down with the result, whoever dies meanwhile."""

import asyncio
import hashlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from common.artifacts.choose import store_of
from common.artifacts.folder import FolderStore
from common.artifacts.store import Missing, StoreError
from common.db.models import Artifact, Execution, table_of
from common.db.types import Record
from common.domain.states import Status
from common.queries import executions as queries
from tests.support import s3
from tests.support.eventually import eventually
from tests.worker.rig import Rig
from worker import shelf
from worker.outcome import keeps_files

R = table_of(Artifact)
E = table_of(Execution)
KEEP = {"keep_files": True}


async def files(rig: Rig, execution_id: int) -> list[Record]:
    async with rig.database.read() as session:
        return list(await session.execute(select(R).where(R.c.execution_id == execution_id).order_by(R.c.id)))


async def warnings(rig: Rig, execution_id: int) -> list[str]:
    async with rig.database.read() as session:
        report = await queries.report(session, execution_id)
    return report["warnings"] if report else []


def stored(rig: Rig, row: Record) -> bytes:
    return b"".join(FolderStore(rig.folder / "artifacts").open(row.store_key))


async def test_files_are_kept_as_they_are_with_the_result(rig: Rig) -> None:
    rig.start(artifact_days=7)
    script = """cd $ROTA_ARTIFACTS; mkdir -p 子目录; printf 内容 >子目录/报表.csv; head -c 3000000 /dev/zero >big.bin
    : >empty.html; exit 3"""
    execution_id = await rig.run_command(script, spec=KEEP)
    row = await rig.until(execution_id)
    assert (row.status, row.exit_code) == (Status.FAILED, 3)
    found = {file.name: file for file in await files(rig, execution_id)}
    assert {name: (file.size, file.media_type) for name, file in found.items()} == {
        "big.bin": (3_000_000, "application/octet-stream"),
        "empty.html": (0, "text/html"),
        "子目录/报表.csv": (6, "text/csv"),
    }
    csv = found["子目录/报表.csv"]
    assert stored(rig, csv) == "内容".encode()
    assert csv.sha256 == hashlib.sha256("内容".encode()).hexdigest()
    assert csv.expires_at - csv.created_at == timedelta(days=7)
    assert (csv.task_id, csv.token, csv.link_key) == (row.task_id, 1, "")
    other = await rig.run_command("echo x >$ROTA_ARTIFACTS/x", spec=KEEP, files_days=2)
    await rig.until(other)
    (kept,) = await files(rig, other)
    assert kept.expires_at - kept.created_at == timedelta(days=2)


async def test_what_a_task_plants_is_not_followed(rig: Rig, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not yours")
    script = f"""cd $ROTA_ARTIFACTS; echo fine >a.txt; ln -s {secret} link; ln -s {tmp_path} folder; mkfifo pipe
    mkdir -p 1/2/3/4/5/6/7; echo deep >1/2/3/4/5/6/7/x; printf x >"$(printf 'bad\\377\\001name')" """
    rig.start()
    execution_id = await rig.run_command(script, spec=KEEP)
    assert (await rig.until(execution_id)).warnings == 3
    assert [file.name for file in await files(rig, execution_id)] == ["a.txt", "bad\ufffdname"]
    said = await warnings(rig, execution_id)
    assert {text.partition(" ")[0] for text in said} == {"link", "folder", "pipe"}


async def test_no_more_is_kept_than_is_allowed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "MOST_FILES", 3)
    rig.start(artifact_limit=2000)
    script = "cd $ROTA_ARTIFACTS; for n in 1 2 3 4 5; do head -c 900 /dev/zero >$n; done"
    execution_id = await rig.run_command(script, spec=KEEP)
    await rig.until(execution_id)
    assert [file.name for file in await files(rig, execution_id)] == ["1", "2"]
    assert await warnings(rig, execution_id) == [
        "3 was not kept: more than 2,000 bytes of files.",
        "More than 3 files: the others were not kept.",
    ]


async def test_a_worker_that_is_killed_before_it_has_put_them_away_leaves_them_to_its_successor(rig: Rig) -> None:
    in_the_way = rig.folder / "artifacts"
    in_the_way.write_text("no folder: nothing can be put here")
    rig.spawn()
    execution_id = await rig.run_command("echo 1 >$ROTA_ARTIFACTS/a", spec=KEEP)

    async def tried() -> None:
        assert "files not stored" in (rig.folder / "worker.log").read_text()

    await eventually(tried)
    rig.kill()
    assert (await rig.get(execution_id)).status == Status.RUNNING
    in_the_way.unlink()
    rig.start()
    assert (await rig.until(execution_id)).status == Status.SUCCESS
    assert [stored(rig, row) for row in await files(rig, execution_id)] == [b"1\n"]


async def test_a_worker_that_is_killed_after_it_has_put_them_away_leaves_the_rows_to_its_successor(rig: Rig) -> None:
    """The files are in the store and the transaction waits for a lock: the moment at which most could go wrong."""
    rig.spawn()
    script = f"while ! test -e {rig.folder}/go; do sleep 0.05; done; cd $ROTA_ARTIFACTS; echo 1 >a; echo 2 >b"
    execution_id = await rig.run_command(script, spec=KEEP)
    await rig.until(execution_id, Status.RUNNING)

    async def begun() -> None:
        assert (await rig.get(execution_id)).spawned, "it could not begin while its row is locked"

    await eventually(begun)
    async with rig.database.write() as session:
        await session.execute(select(E.c.id).where(E.c.id == execution_id).with_for_update())
        (rig.folder / "go").touch()

        async def put() -> None:
            assert len(list((rig.folder / "artifacts").glob("*/[0-9]*"))) == 2

        await eventually(put)
        rig.kill()
    assert await files(rig, execution_id) == []
    rig.start()
    assert (await rig.until(execution_id)).status == Status.SUCCESS
    assert [stored(rig, row) for row in await files(rig, execution_id)] == [b"1\n", b"2\n"]


async def test_without_a_store_the_execution_fails_and_others_are_recorded_meanwhile(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: FolderStore, key: str, file: Any) -> None:
        raise StoreError("away")

    monkeypatch.setattr(FolderStore, "put", away)
    monkeypatch.setattr(shelf, "backoff", lambda *_, **__: 0.5)
    rig.start()
    execution_id = await rig.run_command("echo 1 >$ROTA_ARTIFACTS/a", spec=KEEP)
    other = await rig.run_command("true")
    assert (await rig.until(other)).status == Status.SUCCESS
    row = await rig.until(execution_id)
    assert (row.status, row.exit_code) == (Status.FAILED, 0)
    assert row.error == "its files could not be put into the store; the worker's log says why"
    assert await files(rig, execution_id) == []


async def test_they_may_be_kept_by_a_service(rig: Rig) -> None:
    with s3.service() as endpoint:
        keys = {"s3_endpoint": endpoint, "s3_region": "us-east-1", "s3_access_key": s3.KEY, "s3_secret_key": s3.SECRET}
        rig.start(artifact_store=f"s3://{s3.BUCKET}/rota", **keys)
        execution_id = await rig.run_command("head -c 9000000 /dev/zero >$ROTA_ARTIFACTS/x", spec=KEEP)
        await rig.until(execution_id, timeout=40)
        (row,) = await files(rig, execution_id)
        store = store_of(rig.settings(artifact_store=f"s3://{s3.BUCKET}/rota", **keys))
        digest = hashlib.sha256()
        for piece in await asyncio.to_thread(store.open, row.store_key):
            digest.update(piece)
        assert (row.size, row.sha256) == (9_000_000, digest.hexdigest())
        await rig.finish()


async def test_every_attempt_has_its_own(rig: Rig) -> None:
    rig.start()
    script = "echo $ROTA_ATTEMPT >$ROTA_ARTIFACTS/x; test $ROTA_ATTEMPT = 2"
    execution_id = await rig.run_command(script, spec=KEEP, retries=1, retry_delay=0)
    assert (await rig.until(execution_id)).status == Status.SUCCESS
    assert [(row.token, stored(rig, row)) for row in await files(rig, execution_id)] == [(1, b"1\n"), (2, b"2\n")]


async def test_what_ended_badly_of_an_export_is_not_kept(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.record.keeps_files", lambda claim, status: status is Status.SUCCESS)
    rig.start()
    execution_id = await rig.run_command("echo half >$ROTA_ARTIFACTS/x; exit 1", spec=KEEP)
    await rig.until(execution_id)
    assert await files(rig, execution_id) == []

    async def gone() -> None:
        with pytest.raises(Missing):
            FolderStore(rig.folder / "artifacts").open(f"000000/{execution_id}-1-0")

    await eventually(gone)


def test_which_kinds_keep_what_ended_badly() -> None:
    class Claim:
        kind = "export"

    assert not keeps_files(Claim(), Status.CANCELLED)  # type: ignore[arg-type]
    assert keeps_files(Claim(), Status.SUCCESS)  # type: ignore[arg-type]
    Claim.kind = "shell"
    assert keeps_files(Claim(), Status.FAILED)  # type: ignore[arg-type]


def test_names_that_no_database_holds(tmp_path: Path) -> None:
    assert os.fsencode("bad\udcff") == b"bad\xff"
    assert shelf._name(["files", "a\x00b"]) == "ab"
    assert shelf._name(["files", "\x01"]) == "file"
    assert len(shelf._name(["files", "x" * 200, "y" * 100 + ".csv"])) == 255
    assert shelf._name(["files", "x" * 200, "y" * 100 + ".csv"]).endswith(".csv")
