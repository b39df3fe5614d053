"""A running Rota, a browser, and pages on which nothing may go wrong unnoticed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.support.rota_process import PASSWORD, Rota, running

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
#: For whatever a page has to do (ms): generous, as with tests.support.eventually.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def rota(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rota]:
    # Enough for a log of a hundred megabytes.
    with running(tmp_path_factory.mktemp("rota"), output_limit=str(64 << 20)) as process:
        yield process


#: How htmx tells of a request that ended with its page.
LEFT = ("htmx:afterRequest", "htmx:sendAbort")


class Troubles(list[str]):
    """Errors of pages: script errors, console errors, violations of the content security policy."""

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._console(page, message))

    def _console(self, page: Page, message: ConsoleMessage) -> None:
        # The browser itself reports answers of 4xx, which tests ask for on purpose; htmx what a page that was left had
        # still asked for. What went wrong otherwise has an htmx:sendError or htmx:responseError of its own.
        usual = "the server responded with a status of 4" in message.text or message.text.startswith(LEFT)
        if message.type in ("error", "warning") and not usual:
            self.append(f"{page.url}: {message.text}")


@pytest.fixture
def troubles() -> Iterator[Troubles]:
    """Every test with a page also proves that nothing went wrong on it."""
    found = Troubles()
    yield found
    assert found == []


@pytest.fixture
def look() -> dict[str, Any]:
    """How the browser is set up; tests that want a phone, the dark or Chinese parametrise this."""
    return {"viewport": DESKTOP, "locale": "en-GB", "timezone_id": "Europe/Berlin"}


@pytest.fixture
def context(browser: Browser, rota: Rota, look: dict[str, Any], troubles: Troubles) -> Iterator[BrowserContext]:
    made = browser.new_context(base_url=rota.url, reduced_motion="reduce", **look)
    made.set_default_timeout(PATIENCE)
    made.on("page", troubles.watch)
    yield made
    made.close()
    if troubles:
        print(rota.said()[-8000:])  # why it answered as it did: shown where the test fails


def sign_in(page: Page) -> None:
    page.goto("/ui/login")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/ui/home")


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page of somebody who is signed in, on the task list."""
    opened = context.new_page()
    sign_in(opened)
    opened.goto("/ui/tasks")
    return opened


@pytest.fixture
def make_task(rota: Rota) -> Iterator[Callable[..., int]]:
    """Makes tasks through the API; they are gone after the test."""
    client = rota.open_client()
    made: list[int] = []

    def make(**values: Any) -> int:
        answer = client.post("/tasks", json={"name": "Task", "command": "echo hello", **values})
        task: int = answer.raise_for_status().json()["id"]
        made.append(task)
        return task

    yield make
    if made:
        client.post("/tasks/bulk/delete", json={"ids": made}).raise_for_status()
    client.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
