"""House rules that no linter knows: what a reader of one file may rely on about all the others."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import suite

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("api", "cli", "common", "rota", "scheduler", "worker")
PRODUCT = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
ROUTES = [
    path for path in PRODUCT if path.is_relative_to(ROOT / "api/routes") or path.is_relative_to(ROOT / "api/pages")
]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

LONGEST_ROUTE = 25
QUERY_VERBS = ("select", "insert", "update", "delete", "text")
FOREIGN_ASSET = re.compile(
    r"<(script|link|img|source|iframe)\b[^>]*\b(src|href)\s*=\s*[\"']?(https?:)?//", re.IGNORECASE
)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def routes(path: Path) -> Iterator[tuple[str, int]]:
    """Every function a router knows (`@router.get(...)`), and how many lines follow its signature and docstring."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(is_route, node.decorator_list)):
            statements = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (node.end_lineno or 0) - statements[0].lineno + 1 if statements else 0
            yield f"{name(path)}:{node.lineno} {node.name}", lines


def is_route(decorator: ast.expr) -> bool:
    match decorator:
        case ast.Call(func=ast.Attribute(attr="get" | "post" | "put" | "patch" | "delete" | "api_route")):
            return True
    return False


def is_package(path: Path) -> bool:
    return path.name == "__init__.py"


def imports(path: Path) -> Iterator[str]:
    """Every name a file imports from a module: "sqlalchemy.select"."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Every call in a file as ("datetime.now", line); a call of what is no plain name has only its last part."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Attribute(value=ast.Name(id=owner), attr=function):
                    yield f"{owner}.{function}", node.lineno
                case ast.Attribute(attr=function):
                    yield f".{function}", node.lineno
                case ast.Name(id=function):
                    yield function, node.lineno


def found(paths: list[Path], pattern: str) -> list[str]:
    """Where one of the files calls something whose name matches: ["worker/claim.py:12 time.sleep"]."""
    return [f"{name(path)}:{line} {call}" for path in paths for call, line in calls(path) if re.search(pattern, call)]


def without(paths: list[Path], *allowed: str) -> list[Path]:
    """The files that neither are nor lie in one of the allowed places."""
    return [path for path in paths if not any(path.is_relative_to(ROOT / place) for place in allowed)]


def none(hits: list[str]) -> None:
    assert not hits, "\n" + "\n".join(hits)


def test_tests_wait_for_something_and_never_just_sleep() -> None:
    none(found(without(TESTS, "tests/support/eventually.py", "tests/support/servers.py"), r"(^|\.)sleep$"))


def test_only_the_session_module_commits() -> None:
    none(
        found(
            without(
                PRODUCT,
                "common/db/session.py",
                "common/db/migrate.py",
                "worker/runner",
                "worker/kinds/run",
                "worker/kinds/helper",
                "common/datasources",
            ),
            r"\.commit$",
        )
    )


def test_the_database_layer_alone_knows_which_database_it_is() -> None:
    elsewhere = without(PRODUCT, "common/db")
    none([name(path) for path in elsewhere if re.search(r"\bdialect\.name\b", path.read_text("utf-8"))])


def test_the_clock_alone_knows_the_time() -> None:
    elsewhere = without(PRODUCT, "common/clock.py", "worker/runner", "worker/kinds/run", "worker/kinds/helper", "cli")
    none(found(elsewhere, r"^(datetime\.(now|utcnow|today)|date\.today|time\.(time|time_ns|localtime|gmtime))$"))


def test_routes_leave_queries_to_the_layers_below() -> None:
    statements = {f"{library}.{verb}" for library in ("sqlalchemy", "sqlmodel") for verb in QUERY_VERBS}
    none(
        [f"{name(path)} imports {imported}" for path in ROUTES for imported in imports(path) if imported in statements]
    )


def test_routes_raise_errors_of_the_domain() -> None:
    none(
        [f"{name(path)} imports {each}" for path in ROUTES for each in imports(path) if each.endswith(".HTTPException")]
    )


def test_routes_are_short() -> None:
    none([f"{place} has {lines} lines" for path in ROUTES for place, lines in routes(path) if lines > LONGEST_ROUTE])


def test_no_module_is_a_junk_drawer() -> None:
    paths = PRODUCT + TESTS
    none([name(path) for path in paths if {path.stem, *path.relative_to(ROOT).parts} & {"utils", "helpers", "misc"}])


def test_every_package_says_in_its_first_line_what_it_owns() -> None:
    first = {path: (ast.get_docstring(parse(path)) or "\n").splitlines()[0] for path in PRODUCT if is_package(path)}
    none([f"{name(path)}: {line!r}" for path, line in first.items() if not line.endswith(".")])


def test_pages_load_nothing_from_other_sites() -> None:
    none([name(path) for path in TEMPLATES if FOREIGN_ASSET.search(path.read_text(encoding="utf-8"))])


@pytest.mark.parametrize(
    "markup", ["<script defer src=https://cdn.example/x.js>", '<link\n rel="stylesheet" href="//cdn.example/x.css">']
)
def test_the_rule_about_other_sites_would_see_one(markup: str) -> None:
    assert FOREIGN_ASSET.search(markup)


@pytest.mark.parametrize(("mark", "places"), [("browser", suite.BROWSER), ("chaos", suite.CHAOS)])
def test_a_mark_that_has_a_step_of_its_own_is_where_that_step_looks(mark: str, places: tuple[str, ...]) -> None:
    marked = [
        path for path in TESTS if re.search(rf"^(@|pytestmark = ).*\bpytest\.mark\.{mark}\b", path.read_text(), re.M)
    ]
    assert marked
    assert [name(path) for path in marked if not name(path).startswith(places)] == []
