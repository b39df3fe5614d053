"""docs/security.md: every default has its line and its tests, and they are there."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/security.md").read_text("utf-8")


def functions(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_each_of_the_defaults_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| (\d+) \| .+? \| (.+) \|$", PAGE, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 26))
    for number, tests in rows:
        assert re.findall(r"`tests/[^`]+`", tests), number
    for name in re.findall(r"`(tests/[^`]+)`", PAGE):
        file, _, test = name.partition("::")
        assert (ROOT / file).exists(), name
        assert not test or test in functions(ROOT / file), name
        assert test or file.endswith("/") or any(each.startswith("test_") for each in functions(ROOT / file)), name


def test_what_is_installed_is_locked_and_looked_at() -> None:
    """Every dependency has its version and hash in uv.lock; public CI asks for known weaknesses of them."""
    locked = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
    names = {each["name"] for each in locked}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    for wanted in [*project["dependencies"], *(each for extra in extras for each in extra)]:
        assert re.split(r"[\[<>=~! ;]", wanted)[0].lower() in names, wanted
    for each in locked:
        for file in [*each.get("wheels", []), *([each["sdist"]] if "sdist" in each else [])]:
            assert file["hash"].startswith("sha256:"), each["name"]
    steps = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    assert "pip-audit" in steps
    assert "zizmor" in steps
    for action in re.findall(r"uses: (\S+)", steps):
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action), action
    assert "Report a vulnerability" in (ROOT / "SECURITY.md").read_text("utf-8")
