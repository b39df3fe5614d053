"""Readers that are not ours, behind one face: a sheet as rows of Python values, empty cells as None."""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import python_calamine

Rows = list[list[Any]]


def by_openpyxl(path: Path) -> dict[str, Rows]:
    """What openpyxl reads. It leaves the escapes of inline text as they are, so they are taken out here."""
    book = openpyxl.load_workbook(path)
    return {
        sheet.title: [[_unescaped(cell.value) for cell in row] for row in sheet.iter_rows()]
        for sheet in book.worksheets
    }


def _unescaped(value: Any) -> Any:
    return value.replace("_x005F_", "_") if isinstance(value, str) else value


def by_calamine(path: Path) -> dict[str, Rows]:
    """What calamine reads: every number is a float there, and "" is an empty cell."""
    book = python_calamine.load_workbook(str(path))
    return {
        name: [
            [None if value == "" else value for value in row]
            for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        ]
        for name in book.sheet_names
    }


READERS: dict[str, Callable[[Path], dict[str, Rows]]] = {"openpyxl": by_openpyxl, "calamine": by_calamine}


def converted(path: Path, target: str) -> Path:
    """The file as LibreOffice saves it in another format ("ods", "fods"), beside it."""
    with tempfile.TemporaryDirectory(prefix="rota-office-") as profile:
        subprocess.run(
            [
                "soffice",
                f"-env:UserInstallation=file://{profile}",
                "--headless",
                "--convert-to",
                target,
                "--outdir",
                str(path.parent),
                str(path),
            ],
            check=True,
            timeout=100,
            capture_output=True,
        )
    return path.with_suffix(f".{target}")
