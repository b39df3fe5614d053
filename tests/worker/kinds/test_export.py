"""Exports: what stands in the file, and that nothing stands there when it did not end well."""

import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from common.domain import file_names
from common.domain.file_names import InvalidTemplate
from common.kinds.export import Spec
from tests.sheets.readers import READERS
from tests.worker.kinds import shop
from worker import reports
from worker.kinds.run.control import Control, Failure, Stopped
from worker.kinds.run.export import Export, _differs
from worker.kinds.run.job import Facts, Job
from worker.kinds.run.report import Report

DUE = datetime(2026, 3, 1, 20, 30, tzinfo=UTC)
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"


class Place:
    """The folder of an attempt, and a shop to export from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.files.mkdir(parents=True)
        self.shop = folder.parent / "shop.db"
        shop.make(self.shop)
        self.control = Control()

    def export(self, query: str = shop.JOIN, *, history: list[dict[str, int]] | None = None, **spec: Any) -> None:
        """Run an export as its process does."""
        facts = Facts(7, 1, 3, "周报/订单", DUE, "cron", "r", None)
        given = {"data_source_id": 1, "parameters": {"least": 1}, **spec}
        job = Job("export", query, given, {}, {"history": history or []}, facts)
        report = Report(str(self.folder / "report.json"))
        connection = shop.Lite(self.shop)
        try:
            Export(job, report, self.control, connection).run()
        finally:
            report.close()
            connection.close()

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.files.iterdir())

    @property
    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.name not in ("files", "report.json"))

    @property
    def report(self) -> dict[str, Any]:
        return reports.read(str(self.folder)) or {}

    def wanted(self, query: str = shop.JOIN) -> list[list[Any]]:
        """The rows as the database gives them, with ids of 16 digits as text."""
        connection = shop.Lite(self.shop)
        found = [list(row) for row in connection.raw.execute(query, {"least": 1})]
        connection.close()
        return [[str(row[0]), *row[1:]] for row in found]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    found = Place(tmp_path / "7-1")
    monkeypatch.setenv("ROTA_ARTIFACTS", str(found.files))
    return found


@pytest.mark.parametrize("reader", READERS)
def test_a_join_over_three_tables_arrives_cell_by_cell(place: Place, reader: str) -> None:
    place.export(sheet="订单", timezone="Asia/Shanghai")
    assert place.names == ["周报_订单-2026-03-02.xlsx"]
    ((name, (header, *rows)),) = READERS[reader](place.files / place.names[0]).items()
    assert name == "订单"
    assert header == ["订单号", "客户", "city", "商品", "quantity", "price", "paid", "remark"]
    assert rows == place.wanted()
    assert len(rows) == 400
    result = place.report["result"]
    assert result == {
        "file": place.names[0],
        "rows": 400,
        "size": (place.files / place.names[0]).stat().st_size,
        "sheets": 1,
    }
    assert place.report["progress"]["done"] == 400
    assert place.left == []


def test_several_queries_are_several_sheets_or_several_files(place: Place) -> None:
    more = [{"name": "客户", "query": "SELECT * FROM customers"}, {"name": "商品", "query": "SELECT * FROM products"}]
    place.export(sheets=more, file_name="all")
    sheets = READERS["openpyxl"](place.files / "all.xlsx")
    assert [(name, len(rows)) for name, rows in sheets.items()] == [("Sheet1", 401), ("客户", 4), ("商品", 4)]
    place.export(sheets=more, format="csv", encoding="gb18030", file_name="all")
    assert place.names == ["all-Sheet1.csv", "all-商品.csv", "all-客户.csv", "all.xlsx"]
    assert (place.files / "all-商品.csv").read_bytes().decode("gb18030").splitlines()[2] == "2,'=1+1,0.1"
    place.export("SELECT id, price FROM products", format="parquet", file_name="p")
    assert pq.read_table(place.files / "p.parquet").to_pydict() == {"id": [1, 2, 3], "price": [12.5, 0.1, 4999.99]}


@pytest.mark.parametrize(
    ("query", "spec", "said"),
    [
        ("SELECT * FROM nowhere", {}, "Sheet1: no such table: nowhere"),
        ("SELECT * FROM orders WHERE", {"sheet": "坏"}, "坏: "),
        ("DELETE FROM orders", {}, "this statement gives no rows"),
        (shop.JOIN, {"max_rows": 399}, "more than 399 rows"),
        (shop.JOIN, {"max_memory": 100_000}, "more than 100,000 bytes of memory"),
        ("SELECT hex(randomblob(500)) FROM orders, products", {"max_size": 100_000}, "more than 100,000 bytes: the"),
        (ENDLESS, {"query_timeout": 0.2}, "the query took longer than 0.2 s and was cancelled"),
        ("SELECT * FROM orders WHERE 0", {"when_empty": "fail"}, "no rows"),
        (shop.JOIN, {"sheets": [{"name": "x", "query": "SELECT boom"}]}, "x: no such column: boom"),
    ],
)
@pytest.mark.parametrize("format", ["xlsx", "csv", "parquet"])
def test_what_does_not_end_well_says_why_and_leaves_no_file(
    place: Place, query: str, spec: dict[str, Any], said: str, format: str
) -> None:
    with pytest.raises(Failure) as failed:
        place.export(query, format=format, **spec)
    assert said in str(failed.value)
    assert place.names == []
    assert place.left == []


def test_being_stopped_ends_the_query_and_leaves_no_file(place: Place) -> None:
    timer = threading.Timer(0.3, place.control.stop)
    timer.start()
    with pytest.raises(Stopped):
        place.export(ENDLESS)
    timer.join()
    assert (place.names, place.left) == ([], [])


def test_an_export_without_rows_is_a_header_or_nothing(place: Place) -> None:
    place.export("SELECT id, remark FROM orders WHERE 0", file_name="empty")
    assert READERS["openpyxl"](place.files / "empty.xlsx") == {"Sheet1": [["id", "remark"]]}
    place.export("SELECT id FROM orders WHERE 0", file_name="skipped", when_empty="skip")
    assert place.names == ["empty.xlsx"]
    assert place.report["result"] == {"rows": 0}


def test_far_from_what_the_last_runs_gave_is_a_warning(place: Place) -> None:
    usual = [{"rows": 400, "size": 20_000}] * 3
    place.export(history=usual, guard=500)
    assert place.report["warnings"] == []
    place.export(history=[{"rows": 1000, "size": 20_000}] * 3)
    assert place.report["warnings"] == ["400 rows, 60 % less than the last runs (1,000)."]
    place.export("SELECT id FROM orders WHERE 0", history=usual, when_empty="skip")
    assert place.report["warnings"] == ["No rows; the last runs had about 400."]
    place.export(history=[{"rows": 1000, "size": 1}] * 3, guard=None)
    place.export(history=usual[:1], guard=1)
    assert place.report["warnings"] == []
    assert _differs("rows", 90, 40, 50) == "90 rows, 125 % more than the last runs (40)."
    assert _differs("rows", 5, 0, 50) == ""


def test_what_no_cell_holds_is_told(place: Place) -> None:
    place.export("SELECT printf('%.40000c', 'x') AS long, 'a' || char(7) || 'b' AS bell", file_name="odd")
    assert place.report["warnings"] == [
        "1 text longer than 32,767 characters cut: a cell holds no more.",
        "Control characters taken out of 1 text: no cell can hold them.",
    ]


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """The whole process, measured from outside: 200,000 rows of ten beside 20,000."""
    small, large = (_peak(tmp_path / str(rows), rows) for rows in (20_000, 200_000))
    assert large < 120 * 1000 * 1000
    assert large - small < 15 * 1000 * 1000


def _peak(folder: Path, rows: int) -> int:
    (folder / "7-1" / "files").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.worker.kinds.measured", str(folder), str(rows)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[-1])


# --- the spec ---


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{{ task_name }}-{{ date }}", "周报_订单-2026-03-02.xlsx"),
        ("报表 {{ year }}年{{ month }}月 {{ time }} #{{ execution_id }}", "报表 2026年03月 043000 #7.xlsx"),
        ('{{ scheduled.strftime("%Y%m%d_%H") }}.xlsx', "20260302_04.xlsx"),
        ("{{ last_month | replace('-', '') }} {{ yesterday }} w{{ week }}", "202602 2026-03-01 w10.xlsx"),
        ("../../etc/passwd", "_.._etc_passwd.xlsx"),
        (" . ", "export.xlsx"),
        ("长" * 150, "长" * 60 + ".xlsx"),
    ],
)
def test_names_come_from_templates(place: Place, template: str, name: str) -> None:
    place.export("SELECT 1", file_name=template, timezone="Asia/Shanghai")
    assert place.names == [name]


@pytest.mark.parametrize(
    "template",
    [
        "{{ date",
        "{% for x in range(9) %}x{% endfor %}",
        "{{ nobody }}",
        "{{ 'x' * 1000000000 }}",
        "{{ task_name.__class__ }}",
        "{{ scheduled.__class__.__mro__ }}",
        "{{ scheduled.strftime(task_name) }}",
        "{{ scheduled.strftime('" + "%Y" * 30 + "') }}",
        "{{ date | center(100000) }}",
        "{{ ''|attr('__class__') }}",
        "{{ range(10) }}",
        "{{ [1] }}",
        "{% set x = 1 %}",
        "{{ self }}",
        "{{ lipsum() }}",
    ],
)
def test_templates_that_could_do_more_are_refused_with_the_reason(template: str) -> None:
    with pytest.raises(InvalidTemplate):
        file_names.check(template)
    with pytest.raises(ValidationError, match="refused") as refused:
        Spec(data_source_id=1, file_name=template)
    assert refused.value.errors()[0]["loc"] == ("file_name",)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "xls"),
        ("timezone", "Mars/Olympus"),
        ("delimiter", "x"),
        ("encoding", "latin-1"),
        ("max_size", 1),
        ("guard", 0),
        ("query_timeout", 0),
        ("sheets", [{"name": "Sheet1", "query": "SELECT 1"}]),
        ("sheets", [{"name": "x", "query": ""}]),
        ("sheets", [{"name": "x"}]),
        ("parameters", {"rota_x": 1}),
        ("else", 1),
    ],
)
def test_what_an_export_cannot_be_told(field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        Spec.model_validate({"data_source_id": 1, field: value})


def test_an_export_refers_to_its_data_source() -> None:
    (reference,) = Spec(data_source_id=5).references()
    assert (reference.thing, reference.id, reference.field) == ("data_source", 5, "spec.data_source_id")
