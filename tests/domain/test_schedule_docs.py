"""What docs/schedules.md promises is what Rota does."""

import re
from pathlib import Path

import pytest

from common.domain.reasons import CODES
from common.domain.triggers import parse, preview
from tests.domain.support import NOW, at

DOCS = (Path(__file__).resolve().parents[2] / "docs/schedules.md").read_text("utf-8")
CHANGES = re.findall(r"^\| (\w+/\w+) \| `([^`]+)` \| (\S+Z) \| (.+) \|$", DOCS, re.MULTILINE)
REASONS = re.findall(r"^\| `(\w+)` \| (?:skipped|missed|pending): ", DOCS, re.MULTILINE)


@pytest.mark.parametrize(("zone", "expr", "after", "runs"), CHANGES)
def test_the_table_of_clock_changes_is_right(zone: str, expr: str, after: str, runs: str) -> None:
    expected = runs.split(", ")
    found = preview(parse("cron", expr, timezone=zone, now=NOW), after=at(after), count=len(expected))
    assert [each.local.isoformat(timespec="minutes") for each in found.next] == expected


def test_the_tables_are_there() -> None:
    assert len(CHANGES) == 9
    assert len(REASONS) == 10
    assert set(REASONS) <= CODES
