"""Writers of spreadsheets side by side: CPU seconds, memory and size for a table of many rows.

    python -m benchmarks.sheets [WRITER …] [--rows N]

Each writer runs in a process of its own, and gets rows as a server-side cursor gives them: a chunk at a time.
"""

import argparse
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

_CHUNK = 10_000
COLUMNS = ["id", "订单号", "customer", "city", "status", "remark", "quantity", "price", "paid", "day"]
_NAMES = ("张伟", "王芳", "Anna Schmidt", "李娜", "José García")
_CITIES = ("北京", "上海", "广州", "Shenzhen", "杭州")
_DAY = date(2026, 1, 1)


def chunks(rows: int) -> Iterator[list[tuple[Any, ...]]]:
    """Rows of a shop: five texts, two whole numbers, two broken ones, a date."""
    for start in range(0, rows, _CHUNK):
        yield [
            (
                number,
                f"SO-2026-{number:08d}",
                _NAMES[number % 5],
                _CITIES[number % 5],
                "paid" if number % 3 else "open",
                f"remark {number} & more",
                number % 97,
                number * 0.37,
                number * 1.21,
                _DAY + timedelta(days=number % 365),
            )
            for number in range(start, min(start + _CHUNK, rows))
        ]


def own(path: Path, rows: int) -> None:
    """The writer of `common.sheets`."""
    from common.sheets.rules import Rules
    from common.sheets.xlsx import Workbook

    book = Workbook(path, Rules())
    book.table("数据", COLUMNS)
    for chunk in chunks(rows):
        book.write(chunk)
    book.close()


def xlsxwriter(path: Path, rows: int) -> None:
    """XlsxWriter with `constant_memory`, and the calls that need no guess at the type."""
    from xlsxwriter import Workbook

    book = Workbook(path, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet, day = book.add_worksheet("数据"), book.add_format({"num_format": "yyyy-mm-dd"})
    for column, name in enumerate(COLUMNS):
        sheet.write_string(0, column, name)
    text, number, moment = sheet.write_string, sheet.write_number, sheet.write_datetime
    writes: list[Callable[..., Any]] = [number, text, text, text, text, text, number, number, number]
    row = 0
    for chunk in chunks(rows):
        for values in chunk:
            row += 1
            for column, write in enumerate(writes):
                write(row, column, values[column])
            moment(row, 9, datetime.combine(values[9], datetime.min.time()), day)
    book.close()


def csv(path: Path, rows: int) -> None:
    """The csv writer of `common.sheets`."""
    from common.sheets.csv_file import Csv
    from common.sheets.rules import Rules

    file = Csv(path, Rules(zone=UTC))
    file.table("数据", COLUMNS)
    for chunk in chunks(rows):
        file.write(chunk)
    file.close()


def parquet(path: Path, rows: int) -> None:
    """The parquet writer of `common.sheets`."""
    from common.sheets.parquet import Parquet
    from common.sheets.rules import Rules

    file = Parquet(path, Rules(zone=UTC))
    file.table("数据", COLUMNS)
    for chunk in chunks(rows):
        file.write(chunk)
    file.close()


def nothing(path: Path, rows: int) -> None:
    """The rows alone: what the others cost is beyond this."""
    path.write_bytes(b"")
    for _ in chunks(rows):
        pass


WRITERS = {"nothing": nothing, "own": own, "xlsxwriter": xlsxwriter, "csv": csv, "parquet": parquet}


def main() -> None:
    """Measure what was asked for; print a line each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("writer", nargs="*", help=f"of {', '.join(WRITERS)}; by default all")
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    print(f"{arguments.rows:,} rows of {len(COLUMNS)}: CPU seconds, peak memory, size")
    for name in arguments.writer or WRITERS:
        cpu, memory, size = _measured(WRITERS[name], arguments.rows)
        print(f"{name:<12}{cpu:>8.1f} s{memory / 2**20:>8.0f} MiB{size / 2**20:>8.1f} MiB", flush=True)


def _measured(writer: Callable[[Path, int], None], rows: int) -> tuple[float, int, int]:
    """CPU seconds, peak resident bytes and size of the file, of a process that does nothing else."""
    with tempfile.TemporaryDirectory(prefix="rota-sheets-") as folder:
        path = Path(folder) / "file"
        if (pid := os.fork()) == 0:
            os.execv(
                sys.executable, [sys.executable, "-m", "benchmarks.sheets_child", writer.__name__, str(path), str(rows)]
            )
        _, status, usage = os.wait4(pid, 0)
        if status:
            raise SystemExit(f"{writer.__name__} failed")
        return _seconds(usage), usage.ru_maxrss * 1024, path.stat().st_size


def _seconds(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
