"""Imports into real tables: cleaned, converted, all or nothing; and an export that is imported is the same again."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from common.artifacts.folder import FolderStore
from common.domain.states import Status
from common.queries import executions
from common.services import uploads
from tests.sheets.readers import READERS
from tests.support.interleave import one_engine
from tests.support.shop import Shop
from tests.worker.kinds.test_export_live import export
from tests.worker.rig import FILES, Rig

pytestmark = one_engine

TABLE = """CREATE TABLE arrivals (id BIGINT PRIMARY KEY, name VARCHAR(100), price DECIMAL(12, 2), day DATE,
  at_once {bool}, seen {timestamp})"""
WORDS = {
    "postgresql": {"bool": "BOOLEAN", "timestamp": "TIMESTAMP"},
    "mysql": {"bool": "BOOLEAN", "timestamp": "DATETIME(6)"},
    "sqlite": {"bool": "BOOLEAN", "timestamp": "TIMESTAMP"},
}


class Arrivals:
    """Files for one table of the shop, brought by a real worker."""

    def __init__(self, rig: Rig, shop: Shop, source_id: int) -> None:
        self.rig, self.shop, self.source_id = rig, shop, source_id
        self.store = FolderStore(rig.folder / "artifacts")
        shop.execute(TABLE.format(**WORDS[shop.kind]))

    async def upload(self, data: bytes, name: str) -> int:
        async with self.rig.database.read() as session:
            now = await self.rig.clock.now(session)
        kept = await uploads.keep(self.rig.database, self.store, io.BytesIO(data), name=name, limit=10**8, now=now)
        return int(kept.id)

    async def bring(self, data: bytes | str, name: str = "orders.csv", **spec: Any) -> tuple[Any, Any, str]:
        """The execution, its result, and what it wrote."""
        content = data.encode() if isinstance(data, str) else data
        given = {"upload_id": await self.upload(content, name), **spec}
        return await self.run("arrivals", **given)

    async def run(self, table: str, **spec: Any) -> tuple[Any, Any, str]:
        given = {"data_source_id": self.source_id, **spec}
        execution_id = await self.rig.run_command(table, kind="import", spec=given)
        row = await self.rig.until(execution_id)
        async with self.rig.database.read() as session:
            report = await executions.report(session, execution_id)
        out, err = await self.rig.text(execution_id)
        return row, report["result"] if report else {}, out + err

    def rows(self, columns: str = "id, name, price") -> list[Any]:
        return self.shop.rows(f"SELECT {columns} FROM arrivals ORDER BY id")


@pytest.fixture
async def arrivals(rig: Rig, shop: Shop) -> Arrivals:
    rig.start(**FILES, import_folders=[str(rig.folder / "in")])
    return Arrivals(rig, shop, await rig.source(shop))


MESSY = """Monthly arrivals,,,,,
,,,,,
ID,  Name ,PRICE,Day,at once,Seen
１,　龙井茶 ,"￥1,234.50",2026年3月1日,是,2026/3/1 8:05
2,,12%,20260302,no,2026-03-02T09:10:11.123456
3,=1+1,(7),2026.3.3,TRUE,
"""


async def test_what_people_type_becomes_what_the_table_takes(arrivals: Arrivals) -> None:
    row, result, said = await arrivals.bring(MESSY)
    assert row.status == Status.SUCCESS, said
    assert (result["rows"], result["written"], result["transaction"]) == (3, 3, "committed")
    found = [(each[0], each[1], float(each[2])) for each in arrivals.rows()]
    assert found == [(1, "龙井茶", 1234.5), (2, None, 0.12), (3, "=1+1", -7.0)]
    days = [str(each[0]) for each in arrivals.rows("day")]
    assert days == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert [bool(each[0]) for each in arrivals.rows("at_once")] == [True, False, True]
    seen = [str(each[0]) if each[0] is not None else None for each in arrivals.rows("seen")]
    assert seen == ["2026-03-01 08:05:00", "2026-03-02 09:10:11.123456", None]


async def test_a_bad_row_takes_all_back_or_is_left_out_and_kept(arrivals: Arrivals) -> None:
    data = "id,name,price,day\n1,a,1,2026-01-01\n2,b,much,2026-01-01\n1,again,2,2026-01-01\n4,d,4,31/12/2026\n5,e,5,\n"
    row, _result, said = await arrivals.bring(data)
    assert (row.status, "row 3: price: much is no number" in said) == (Status.FAILED, True), said
    assert arrivals.rows() == []
    row, result, said = await arrivals.bring(data, on_bad_row="reject")
    assert (row.status, result["rejected"], result["written"]) == (Status.SUCCESS, 3, 2), said
    assert [each[0] for each in arrivals.rows()] == [1, 5]
    (kept,) = (arrivals.rig.folder / "artifacts").glob(f"*/{row.id}-*")
    lines = kept.read_text("utf-8-sig").splitlines()
    assert sorted(line.split(",")[0] for line in lines) == ["3", "4", "5", "row"]
    assert "is no date such as 2026-03-29" in "".join(lines)
    row, _result, said = await arrivals.bring(data.replace("1,", "7,"), on_bad_row="reject", max_rejected=1)
    assert (row.status, "more than 1 bad rows" in said) == (Status.FAILED, True)
    assert [each[0] for each in arrivals.rows()] == [1, 5]


async def test_rows_are_added_changed_or_put_in_place_of_all(arrivals: Arrivals) -> None:
    await arrivals.bring("id,name\n1,one\n2,two\n")
    row, _result, said = await arrivals.bring("id,name\n2,TWO\n3,three\n3,three again\n", mode="upsert", key=["ID"])
    assert row.status == Status.SUCCESS, said
    assert [each[:2] for each in arrivals.rows()] == [(1, "one"), (2, "TWO"), (3, "three again")]
    row, _result, said = await arrivals.bring(
        "Number;Who\n9;nine\n9;nine\n", mode="replace", dry_run=True, duplicates="skip",
        columns=[{"column": "number", "to": "ID"}, {"column": "Who", "to": "name", "type": "text"}],
    )  # fmt: skip
    assert (row.status, "1 written" in said, "rolled back" in said) == (Status.SUCCESS, True, True), said
    assert len(arrivals.rows()) == 3, "a dry run changes nothing"
    row, result, said = await arrivals.bring("7,seven\n8,eight\n", mode="replace", header_row=0, columns=[
        {"column": "A", "to": "id"}, {"column": "B", "to": "name"},
    ])  # fmt: skip
    assert row.status == Status.SUCCESS, said
    assert [each[:2] for each in arrivals.rows()] == [(7, "seven"), (8, "eight")]
    assert result["tables"][0]["rows"][0][1] == "seven"


async def test_rows_that_differ_are_no_duplicates(arrivals: Arrivals) -> None:
    row, result, said = await arrivals.bring("id,price\n-1,5\n-2,5\n-1,7\n", duplicates="skip", key=["id"])
    assert (row.status, result["duplicates"]) == (Status.SUCCESS, 1), said
    assert [int(each[0]) for each in arrivals.rows()] == [-2, -1]


@pytest.mark.parametrize("shop_kind", ["mysql"])
@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_table_without_transactions_is_refused_before_it_is_touched(arrivals: Arrivals, dry_run: bool) -> None:
    arrivals.shop.execute("ALTER TABLE arrivals ENGINE=MyISAM", "INSERT INTO arrivals (id) VALUES (50)")
    row, _result, said = await arrivals.bring("id\n1\n", mode="replace", dry_run=dry_run)
    assert (row.status, "knows no transactions" in said) == (Status.FAILED, True), said
    assert [each[0] for each in arrivals.rows()] == [50]


async def test_what_is_wrong_is_said_in_plain_words(arrivals: Arrivals) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", 8) as archive:
        archive.writestr("xl/workbook.xml", b" " * 50_000_000)
    for data, name, spec, said in (
        ("a,b\n1,2\n", "x.csv", {}, "is a column of the table"),
        (
            "id,name\n1,a\n",
            "x.csv",
            {"columns": [{"column": "nmae", "to": "name"}]},
            "has no column nmae (it has: id, name)",
        ),
        ("id,name\n1,a\n", "x.csv", {"columns": [{"column": "id", "to": "nmae"}]}, "the table has no column nmae"),
        ("id\n1\n1\n", "x.csv", {"duplicates": "fail"}, "row 3 is in the file already"),
        (b"PK\x03\x04 no archive", "x.xlsx", {}, "x.xlsx: the file is damaged"),
        (bomb.getvalue(), "x.xlsx", {}, "unpacks to far more than a spreadsheet does"),
        (b"\x00\x01\x02", "x.csv", {}, "this is no text file"),
    ):
        row, _result, told = await arrivals.bring(data, name, **spec)
        assert (row.status, said in told) == (Status.FAILED, True), told
    row, _result, told = await arrivals.run("arrivals", path="/etc/passwd")
    assert (row.status, "no file /etc/passwd that may be imported" in told) == (Status.FAILED, True), told
    row, _result, told = await arrivals.run("nowhere", upload_id=await arrivals.upload(b"id\n1\n", "x.csv"))
    assert (row.status, "the table nowhere is not there" in told) == (Status.FAILED, True), told
    assert arrivals.rows() == []


async def test_the_newest_file_of_a_folder_is_taken(arrivals: Arrivals) -> None:
    folder = arrivals.rig.folder / "in"
    folder.mkdir()
    for number, name in enumerate(("old.csv", "new.csv"), start=1):
        (folder / name).write_text(f"id,name\n{number},{name}\n")
        os.utime(folder / name, (number * 1000, number * 1000))
    row, _result, said = await arrivals.run("arrivals", path=f"{folder}/*.csv")
    assert row.status == Status.SUCCESS, said
    assert [each[:2] for each in arrivals.rows()] == [(2, "new.csv")]


async def test_an_export_that_is_imported_and_exported_again_is_the_same(arrivals: Arrivals) -> None:
    rig, shop = arrivals.rig, arrivals.shop
    query = "SELECT * FROM orders ORDER BY id"
    task = await rig.create(query, kind="export", spec={"data_source_id": arrivals.source_id})
    (first,) = await rig.run(task)
    assert (await rig.until(first)).status == Status.SUCCESS
    words = {**WORDS[shop.kind], "text": "LONGTEXT" if shop.kind == "mysql" else "TEXT"}
    shop.execute(
        "CREATE TABLE orders_again (id BIGINT PRIMARY KEY, customer_id BIGINT NOT NULL, ordered_at {timestamp} NOT"
        " NULL, shipped_on DATE, status VARCHAR(20) NOT NULL, remark {text})".format(**words)
    )
    row, result, said = await arrivals.run(
        "orders_again", task_id=task, trim=False, plain_width=False, empty_is_null=False
    )
    assert (row.status, result["written"]) == (Status.SUCCESS, 120), said
    row, (again,), said = await export(rig, query.replace("orders", "orders_again"), arrivals.source_id)
    assert row.status == Status.SUCCESS, said
    (before,) = (path for path in (rig.folder / "artifacts").glob(f"*/{first}-*"))
    copy = Path(f"{again}.before.xlsx")
    copy.write_bytes(before.read_bytes())
    for reader in READERS.values():
        ((_, one),), ((_, other),) = reader(copy).items(), reader(again).items()
        assert len(one) == 121
        for left, right in zip(one, other, strict=True):
            assert left == right
