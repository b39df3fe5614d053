"""What the browser is given: vendored, hashed, ours; nothing inline, nothing from elsewhere."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from api.rendering import static_url
from common.paths import STATIC, TEMPLATES
from tests.pages.conftest import Person

ROOT = Path(__file__).resolve().parents[2]
ALL_TEMPLATES = sorted(TEMPLATES.rglob("*.html"))


@pytest.mark.parametrize("folder", [STATIC / "vendor", ROOT / "tests" / "e2e" / "vendor"], ids=["pages", "tests"])
def test_vendored_files_are_the_ones_written_down(folder: Path) -> None:
    entries = json.loads((folder / "VENDOR.json").read_text("utf-8"))
    written = {f"{entry['folder']}/{name}": digest for entry in entries for name, digest in entry["sha256"].items()}
    there = {
        str(path.relative_to(folder)): path
        for path in folder.rglob("*")
        if path.is_file() and path.name != "VENDOR.json"
    }
    assert written == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()}
    assert all(entry["version"] and entry["licence"] for entry in entries)


def test_a_static_url_changes_with_the_content() -> None:
    digest = hashlib.sha256((STATIC / "rota.css").read_bytes()).hexdigest()[:12]
    assert static_url("rota.css") == f"/static/rota.css?v={digest}"


@pytest.mark.parametrize("path", ALL_TEMPLATES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_templates_have_nothing_inline(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:|hx-on", text)
    assert not re.search(r"https?://(?!www\.w3\.org)", text)
    assert "|safe" not in text.replace(" ", "")


@pytest.mark.parametrize("path", sorted((STATIC / "js").glob("*.js")), ids=lambda path: path.name)
def test_scripts_evaluate_nothing(path: Path) -> None:
    assert not re.search(r"\beval\(|new Function|document\.write|https?://", path.read_text("utf-8"))


async def test_static_files_are_public_and_may_be_kept(stranger: Person) -> None:
    answer = await stranger.client.get(static_url("rota.css"))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert (await stranger.client.get("/static/../api/auth.py")).status_code == 404
