"""What every test may use: servers, a fresh database, the rule that nothing is skipped."""

import functools
import gc
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from sqlalchemy.pool import QueuePool

from common.db.session import Database
from common.security import passwords
from tests.e2e.browser import LAUNCH
from tests.support import servers
from tests.support import shop as shops
from tests.support.databases import KINDS, Databases, MysqlDatabases, PostgresqlDatabases, SqliteDatabases
from tests.support.shop import Shop

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A developer's own settings must not reach a test: it might clean up the wrong database.
for _name in [name for name in os.environ if name.startswith("ROTA_") and not name.startswith("ROTA_TEST_")]:
    if _name != "ROTA_ALLOW_SKIP":
        del os.environ[_name]

_REAL = passwords._CONTEXT

# Imports make a million objects that stay: looking through them again and again was a third of collecting the tests.
gc.disable()


class DatabaseSource:
    """Databases of every kind, on the servers the environment names, else on own ones, started when first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servers = ExitStack()
        self._kinds: dict[str, Databases] = {}

    def of(self, kind: str) -> Databases:
        """Where to get databases of this kind."""
        if kind not in self._kinds:
            match kind:
                case "sqlite":
                    self._kinds[kind] = SqliteDatabases(self._folder)
                case "postgresql":
                    self._kinds[kind] = PostgresqlDatabases(self._server_url(servers.POSTGRESQL_URL))
                case "mysql":
                    self._kinds[kind] = MysqlDatabases(self._server_url(servers.MYSQL_URL))
                case _:
                    raise ValueError(kind)
        return self._kinds[kind]

    def _server_url(self, variable: str) -> str:
        if variable in os.environ:
            return os.environ[variable]
        return self._servers.enter_context(servers.running([variable]))[variable]

    async def close(self) -> None:
        """Remove the databases, then stop the servers."""
        with self._servers:
            for databases in self._kinds.values():
                await databases.close()


@pytest.fixture(scope="session")
async def database_source(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DatabaseSource]:
    source = DatabaseSource(tmp_path_factory.mktemp("databases"))
    yield source
    await source.close()


#: ROTA_TEST_KINDS=sqlite runs the same tests on fewer engines: what scripts/test does on its second Python.
_WANTED = os.environ.get("ROTA_TEST_KINDS", ",".join(KINDS)).split(",")


@pytest.fixture(params=_WANTED)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Every engine in turn. A folder of tests that needs only one overrides this fixture in its conftest."""
    return str(request.param)


@pytest.fixture
async def database_url(database_source: DatabaseSource, database_kind: str) -> AsyncIterator[str]:
    """A database at the newest revision, with nothing in it."""
    async with database_source.of(database_kind).migrated() as url:
        yield url


@pytest.fixture
async def empty_database_url(database_source: DatabaseSource, database_kind: str) -> AsyncIterator[str]:
    """A database without a table."""
    async with database_source.of(database_kind).empty() as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The same, opened; whatever took a connection must have given it back when the test ends."""
    database = Database(database_url)
    yield database
    left_out = cast(QueuePool, database.engine.pool).checkedout()
    await database.dispose()
    assert left_out == 0, f"{left_out} connections were never given back"


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Hashes of one round in 64 KiB, and each password looked at once: a thousand tests sign somebody in.

    What real ones cost `tests/api/test_passwords.py` proves, and every test that starts a Rota of its own has them.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_CONTEXT", _REAL.copy(argon2__memory_cost=64, argon2__rounds=1))
        patch.setattr(passwords, "_hard_to_guess", functools.cache(passwords._hard_to_guess))
        yield


@pytest.fixture
def real_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes as they are made outside tests."""
    monkeypatch.setattr(passwords, "_CONTEXT", _REAL)


@pytest.fixture(params=_WANTED)
def shop_kind(request: pytest.FixtureRequest) -> str:
    """Every engine in turn, of a user's database; which of them Rota itself uses is another matter."""
    return str(request.param)


@pytest.fixture
async def shop(database_source: DatabaseSource, shop_kind: str) -> AsyncIterator[Shop]:
    """A user's database, full of orders."""
    async with shops.opened(database_source.of(shop_kind), shop_kind) as made:
        yield made


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Chromium, one in a process: Playwright's loop cannot run twice there."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        launched = player.chromium.launch(**LAUNCH)
        yield launched
        launched.close()


#: Folders whose files last longest: begun last, one of them would be waited for alone.
_LONGEST = ("worker", "process", "security", "scheduler")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, all else in the order in which it was found."""
    tests = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(tests).parts[0] not in _LONGEST)


def pytest_collection_finish() -> None:
    """What was imported is not looked through any more; what tests leave behind is collected as ever."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skipped test is a failed session: what does not run proves nothing. ROTA_ALLOW_SKIP=1 turns this off."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and session.exitstatus == pytest.ExitCode.OK and os.environ.get("ROTA_ALLOW_SKIP") != "1":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if terminalreporter.stats.get("skipped") and os.environ.get("ROTA_ALLOW_SKIP") != "1":
        terminalreporter.section("skipped tests fail this run (ROTA_ALLOW_SKIP=1 allows them)", red=True)
