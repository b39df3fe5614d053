"""What the documents say is true: settings, both READMEs, and the scripts people copy."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from common.config import Settings
from tests.support.rota_process import PASSWORD, ROOT, running

DOCS = ROOT / "docs"


def test_every_setting_is_documented_with_its_default() -> None:
    text = (DOCS / "settings.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `ROTA_(\w+)` \| (.+?) \|", text, re.MULTILINE))
    assert {name.lower() for name in rows} == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = rows[name.upper()].strip("`")
        if default in (None, "", [], {}):
            assert shown in ("–", "the host's"), name
        else:
            plain = ",".join(default) if isinstance(default, list) else str(default)
            assert shown == plain.removesuffix(".0").replace("False", "false").replace("True", "true"), name


def _skeleton(path: Path) -> tuple[list[str], int, int]:
    """What both languages must share: commands, and how many headings and table rows there are."""
    text = path.read_text("utf-8")
    code = [
        re.sub(r"\s*#.*", "", line)
        for block in re.findall(r"```bash\n(.*?)```", text, re.S)
        for line in block.split("\n")
    ]
    return code, len(re.findall(r"^## ", text, re.MULTILINE)), len(re.findall(r"^\|", text, re.MULTILINE))


def test_both_readmes_say_the_same() -> None:
    assert _skeleton(ROOT / "README.md") == _skeleton(ROOT / "README.zh-CN.md")


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "SECURITY.md", "docs/api.md"])
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for target in re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", page.read_text("utf-8")):
        link = target[0] or target[1]
        if not link.startswith("http"):
            assert (page.parent / link).exists(), f"{name} links to {link}"


def test_every_promise_names_tests_that_are_there() -> None:
    text = (DOCS / "reliability.md").read_text("utf-8")
    promises = re.findall(r"^\| (P\d) \|.*", text, re.MULTILINE)
    assert promises == [f"P{number}" for number in range(1, 10)]
    for row in re.findall(r"^\| P\d \|.*", text, re.MULTILINE):
        assert re.findall(r"`(tests/[^`]+\.py[^`]*)`", row.rsplit(" | ", 1)[1]), row
    for path, _, name in (found.partition("::") for found in re.findall(r"`(tests/[^`]+)`", text)):
        assert (ROOT / path).exists(), path
        assert not name or f"def {name}(" in (ROOT / path).read_text("utf-8"), (path, name)


@pytest.mark.process
def test_the_bulk_example_works_as_printed(tmp_path: Path) -> None:
    with running(tmp_path) as rota:
        done = subprocess.run(
            [DOCS / "examples" / "bulk.sh"],
            env={**os.environ, "ROTA_URL": rota.url, "ROTA_USER": "admin", "ROTA_PASSWORD": PASSWORD},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert done.returncode == 0, done.stderr + done.stdout
    lines = done.stdout.splitlines()
    assert lines[:3] == ["force-run: 3 queued", "pause:     3 paused", "resume:    3 resumed"]
    assert [line.split(":   ")[1] for line in lines[3:6]] == ["success: 1", "success: 2", "success: 3"]
    assert lines[6] == "delete:    3 deleted"
