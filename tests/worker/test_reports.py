"""What an execution says of itself: seen while it runs, recorded at its end, and never trusted."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from common.domain import reports as domain
from common.domain.states import Status
from common.queries import executions as queries
from tests.support.eventually import eventually
from tests.worker.rig import Rig
from worker import reports
from worker.kinds.run.report import Report

SAY = """say() { echo "$1" >$ROTA_REPORT.new; mv $ROTA_REPORT.new $ROTA_REPORT; }
say '{"progress": {"done": 10, "total": 40, "unit": "rows", "text": "第一页", "at": 1}}'
"""


async def report(rig: Rig, execution_id: int) -> Mapping[str, Any] | None:
    async with rig.database.read() as session:
        return await queries.report(session, execution_id)


async def folders(rig: Rig) -> list[str]:
    return [path.name for path in rig.folder.glob("workers/*/runner/kept/*")]


async def test_a_report_is_seen_while_it_runs_and_kept_at_its_end(rig: Rig) -> None:
    rig.start()
    script = f'{SAY} while ! test -e {rig.folder}/go; do sleep 0.05; done\n say \'{{"result": {{"rows": 40}}}}\''
    execution_id = await rig.run_command(script, spec={"keep_files": True})

    async def seen() -> Mapping[str, Any]:
        found = await report(rig, execution_id)
        assert found
        return found

    first = await eventually(seen)
    assert first["progress"] == {"done": 10, "total": 40, "unit": "rows", "text": "第一页", "at": 1}
    (rig.folder / "go").touch()
    assert (await rig.until(execution_id)).status == Status.SUCCESS
    assert await report(rig, execution_id) == {"progress": None, "result": {"rows": 40}, "warnings": []}
    await eventually(lambda: _empty(rig))
    (again,) = await rig.run(await rig.create("test -z $ROTA_REPORT"))
    assert (await rig.until(again)).status == Status.SUCCESS
    assert await report(rig, again) is None


async def _empty(rig: Rig) -> None:
    assert await folders(rig) == []


async def test_a_report_outlives_the_worker_that_started_it(rig: Rig) -> None:
    rig.spawn()
    execution_id = await rig.run_command(
        f"{SAY} while ! test -e {rig.folder}/go; do sleep 0.05; done", spec={"keep_files": True}
    )
    await rig.until(execution_id, Status.RUNNING)
    await eventually(lambda: _some(rig))
    rig.kill()
    (rig.folder / "go").touch()
    rig.start()
    assert (await rig.until(execution_id)).status == Status.SUCCESS
    found = await report(rig, execution_id)
    assert found
    assert found["progress"]["done"] == 10
    await eventually(lambda: _empty(rig))


async def _some(rig: Rig) -> None:
    assert await folders(rig)


def test_only_a_plain_file_of_the_task_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"result": {"secret": 1}}')
    folder = tmp_path / "1-1"
    (folder / "files").mkdir(parents=True)
    place = folder / "report.json"

    assert reports.read(str(folder)) is None
    place.symlink_to(secret)
    assert reports.read(str(folder)) is None
    place.unlink()
    os.mkfifo(place)
    assert reports.read(str(folder)) is None
    place.unlink()
    place.write_bytes(b" " * (domain.MOST_READ + 1))
    assert "larger than" in reports.read(str(folder))["warnings"][0]  # type: ignore[index]
    place.unlink()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x").touch()
    (folder / "files").rmdir()
    (folder / "files").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="files"):
        reports.open_file(str(folder), "files", "x")


@pytest.mark.parametrize("data", [b"", b"[1]", b"nonsense", b"\xff\xfe", b"[" * 100_000, b'"x"'])
def test_what_is_no_report_is_none(data: bytes) -> None:
    assert domain.parsed(data) is None


def test_what_a_report_may_hold() -> None:
    wild = {
        "progress": {"done": 5, "total": float("nan"), "unit": 7, "text": "a\x00b" + "x" * 999, "at": -1},
        "result": {"big": 2**63, "half": "\ud800", "deep": [[[[[[[[[[[[[[1]]]]]]]]]]]]]], "nan": float("inf")},
        "warnings": ["ok", 5, "w" * 9_999, *["more"] * 99],
        "else": 1,
    }
    found = domain.parsed(json.dumps(wild).encode())
    assert found
    assert found["progress"] == {"done": 5, "total": None, "unit": "rows", "text": ("ab" + "x" * 999)[:299], "at": 0}
    assert found["result"]["big"] == "9223372036854775808"
    assert found["result"]["half"] == "?"
    assert found["result"]["nan"] is None
    assert (len(found["warnings"]), found["warnings"][0], len(found["warnings"][1])) == (50, "ok", 2_000)
    assert set(found) == {"progress", "result", "warnings"}
    assert domain.parsed(b'{"progress": {"done": true}}') == {"progress": None, "result": {}, "warnings": []}
    large = domain.parsed(json.dumps({"result": {"x": "y" * 300_000}}).encode())
    assert large == {
        "progress": None,
        "result": {},
        "warnings": ["The result was larger than 256,000 bytes and was left out."],
    }


def test_how_far_and_how_long_still() -> None:
    progress = {"done": 250, "total": 1000, "at": 110.0}
    assert domain.fraction(progress) == 0.25
    assert domain.rate(progress, 100.0) == 25.0
    assert domain.seconds_left(progress, 100.0) == 30.0
    assert domain.seconds_left(progress | {"total": None}, 100.0) is None
    assert domain.fraction(progress | {"total": 100}) == 1.0


def test_the_writer_writes_what_the_reader_reads(tmp_path: Path) -> None:
    folder = tmp_path / "1-1"
    folder.mkdir()
    report = Report(str(folder / "report.json"))
    report.progress(1, 3, text="数据")
    report.progress(2, 3)
    report.warn("一")
    report.warn("一")
    report.result(rows=3)
    report.result(file="订单.xlsx")
    found = reports.read(str(folder))
    assert found
    assert (found["progress"]["done"], found["progress"]["total"]) == (2, 3)
    assert found["result"] == {"rows": 3, "file": "订单.xlsx"}
    assert found["warnings"] == ["一"]
    assert os.listdir(folder) == ["report.json"]
    Report(None).result(rows=1)


def test_no_secret_stands_in_a_report_whatever_brought_it_there(tmp_path: Path) -> None:
    folder = tmp_path / "1-1"
    folder.mkdir()
    report = Report(str(folder / "report.json"), ["123456", "geheim/密码"])
    report.progress(123456, 123456, text="at geheim/密码")
    report.warn("?key=geheim%2F%E5%AF%86%E7%A0%81")
    report.result(headers={"x-echo": "123456"}, rows=[["Z2VoZWltL+WvhueggQ==", 123456, None, 1.5, True]])
    found = reports.read(str(folder))
    assert found
    assert (found["progress"]["done"], found["progress"]["text"]) == (123456, "at ***")
    assert found["warnings"] == ["?key=***"]
    assert found["result"] == {"headers": {"x-echo": "***"}, "rows": [["***Q==", 123456, None, 1.5, True]]}
