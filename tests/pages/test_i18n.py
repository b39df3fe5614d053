"""Every text is translated, and the catalogues that Rota reads are the ones in the repository."""

import ast
import runpy
from pathlib import Path
from typing import Any

import pytest

from common.errors import NotFound
from common.i18n import localized, negotiate

ROOT = Path(__file__).resolve().parents[2]
TOOL: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "i18n"))


@pytest.mark.parametrize("path", TOOL["catalogues"](), ids=lambda path: path.parents[1].name)
def test_every_text_is_translated_and_compiled(path: Path) -> None:
    """Red? `scripts/i18n update`, translate what is empty, `scripts/i18n compile`."""
    found = TOOL["problems"](path, TOOL["extracted"]())
    assert not found, "\n".join(found)


def test_no_text_hides_in_an_f_string_where_the_extraction_cannot_see_it() -> None:
    hidden = []
    for path in [*ROOT.glob("api/**/*.py"), *ROOT.glob("common/**/*.py"), *ROOT.glob("cli/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                hidden += [f"{path.relative_to(ROOT)}:{node.lineno}" for call in ast.walk(node) if _translates(call)]
    assert hidden == []


def _translates(node: ast.AST) -> bool:
    """A call of gettext or `_` with a literal text."""
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
        return False
    function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return function in ("gettext", "ngettext", "_")


@pytest.mark.parametrize(
    ("chosen", "header", "lang"),
    [
        (None, None, "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh_CN"),
        (None, "zh-Hant-TW", "zh_CN"),
        (None, "fr-FR, en-GB;q=0.7, zh;q=0.5", "en"),
        (None, "en;q=0.2, zh;q=0.9", "zh_CN"),
        (None, "zh;q=0, en", "en"),
        (None, "zh;q=x", "en"),
        ("en", "zh-CN", "en"),
        ("zh_CN", "en", "zh_CN"),
        ("../../etc", "zh", "zh_CN"),
    ],
)
def test_the_language_is_the_chosen_one_then_the_browsers(chosen: str | None, header: str | None, lang: str) -> None:
    assert negotiate(chosen, header) == lang


def test_errors_speak_both_languages() -> None:
    error = NotFound("There is no task {id}.", id=7)
    assert (localized(error, "en"), localized(error, "zh_CN")) == ("There is no task 7.", "没有任务 7。")
