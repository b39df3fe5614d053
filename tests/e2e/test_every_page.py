"""On every page, in every look: no error, no violation, nothing out of the window, nothing that axe objects to."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.conftest import DESKTOP, PHONE, sign_in
from tests.support.eventually import eventually_sync
from tests.support.rota_process import Rota

pytestmark = pytest.mark.browser

AXE = next(Path(__file__).parent.glob("vendor/axe-core-*/axe.min.js"))
LOOKS: dict[str, dict[str, Any]] = {
    "desktop-light-en": {"viewport": DESKTOP, "locale": "en-GB", "color_scheme": "light"},
    "desktop-dark-zh": {"viewport": DESKTOP, "locale": "zh-CN", "color_scheme": "dark"},
    "rail-light-zh": {"viewport": {"width": 1024, "height": 768}, "locale": "zh-CN", "color_scheme": "light"},
    "phone-light-zh": {"viewport": PHONE, "locale": "zh-CN", "color_scheme": "light"},
    "phone-dark-en": {"viewport": PHONE, "locale": "en-GB", "color_scheme": "dark"},
}
#: The looks in which some pages are opened: each is made of what the others show in full.
SAMPLED = {"desktop-dark-zh", "rail-light-zh"}
#: The looks in which axe reads each page: both layouts, both sets of colours. It is by far the slowest of the checks.
READ_BY_AXE = {"desktop-light-en", "phone-dark-en"}
ACCOUNTS = (
    "/ui/account",
    "/ui/account/password",
    "/ui/account/totp",
    "/ui/account/sessions",
    "/ui/account/identities",
    "/ui/account/keys",
    "/ui/users",
    "/ui/users/create",
    "/ui/users/1",
)
LONG = "A name that goes on and on, " * 6 + "x" * 30
WIDE = "for i in $(seq 30); do echo \"$i $(printf 'wide%.0s' $(seq 60))\"; done"
REPORT = f"""echo 完成; echo x >"$ROTA_ARTIFACTS/报表 {"long-name-" * 12}.xlsx"
echo '{{"result": {{"rows": 12840}}, "warnings": ["12,840 rows, 63 % less than usual."]}}' >$ROTA_REPORT"""
NOISE = f"{WIDE}; printf '\\033[31mred\\033[0m\\n' >&2; exit 1"


@pytest.fixture(scope="module")
def paths(rota: Rota) -> Iterator[list[str]]:
    """Pages with something difficult on them."""
    client = rota.open_client()
    ids = []
    for values in (
        {"name": LONG[:200], "command": NOISE, "tags": ["finance", "weekly"], "cron": "0 2 * * *", "retries": 1},
        {
            "name": "每周销售报表",
            "command": REPORT,
            "cron": "30 8 * * 1",
            "timezone": "Asia/Shanghai",
            "spec": {"keep_files": True},
        },
    ):
        ids.append(client.post("/tasks", json=values).raise_for_status().json()["id"])
        client.post(f"/tasks/{ids[-1]}/run").raise_for_status()

    def ended() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [client.get(f"/tasks/{task}/executions").json()["items"][0] for task in ids]
        assert all(each["status"] != "running" and each["attempt"] for each in found), found
        return found

    place = {"kind": "mysql", "host": "a-host-with-a-long-name.corp.example", "tls": "verify"}
    source = client.post("/data-sources", json={"name": LONG[:100].strip(), **place}).raise_for_status().json()["id"]
    changed = {"command": f"{NOISE} # {LONG}", "env": {"LONG_NAME": LONG}, "timeout": 60}
    client.patch(f"/tasks/{ids[0]}", json=changed).raise_for_status()
    runs = eventually_sync(ended, interval=0.2)
    yield [
        "/ui/home",
        "/ui/home?range=7d",
        "/ui/timeline",
        "/ui/timeline?zoom=6h&group=queue",
        "/ui/tasks",
        "/ui/tasks?q=nothing-like-this",
        "/ui/tasks/create",
        *(f"/ui/tasks/{task}" for task in ids),
        f"/ui/tasks/{ids[0]}?metric=memory",
        f"/ui/tasks/{ids[0]}/executions",
        f"/ui/tasks/{ids[0]}/trend",
        f"/ui/tasks/{ids[0]}/definition",
        f"/ui/tasks/{ids[0]}/audit",
        f"/ui/tasks/{ids[0]}/edit",
        f"/ui/tasks/{ids[0]}/ledger?at=2026-01-05T02:00&since=2026-01-01T00:00",
        f"/ui/tasks/{ids[1]}/ledger?outcome=missed",
        "/ui/executions",
        *(f"/ui/executions/{run['id']}" for run in runs),
        f"/ui/executions/{runs[0]['id']}?find=wide",
        "/ui/files",
        "/ui/files?q=nothing-like-this",
        "/ui/workers",
        "/ui/queues",
        "/ui/storage",
        "/ui/settings",
        "/ui/downtime",
        "/ui/calendars",
        "/ui/calendars/create",
        f"/ui/tasks/{ids[0]}/sharing",
        "/ui/teams",
        "/ui/teams/create",
        "/ui/data-sources",
        "/ui/data-sources/create",
        f"/ui/data-sources/{source}",
        f"/ui/data-sources/{source}/edit",
        "/ui/uploads",
        "/ui/programs",
        "/ui/programs/create",
        *(f"/ui/tasks/create?kind={kind}" for kind in ("python", "sql", "export", "import", "http")),
        "/ui/audit",
        "/ui/tasks/4711",
    ]
    client.post("/tasks/bulk/delete", json={"ids": ids}).raise_for_status()
    client.delete(f"/data-sources/{source}").raise_for_status()
    client.close()


@pytest.fixture
def look(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {**LOOKS[request.param], "timezone_id": "Europe/Berlin"}


@pytest.mark.parametrize(("look", "name"), [(name, name) for name in LOOKS], indirect=["look"], ids=list(LOOKS))
def test_every_page_is_sound(context: BrowserContext, paths: list[str], name: str) -> None:
    check = faults if name in READ_BY_AXE else too_wide
    page = context.new_page()
    page.goto("/ui/login")
    found = check(page)
    sign_in(page)
    for path in paths[:: 3 if name in SAMPLED else 1]:
        page.goto(path)
        found += check(page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("look", "name"), [(name, name) for name in LOOKS], indirect=["look"], ids=list(LOOKS))
def test_every_page_of_accounts_is_sound(context: BrowserContext, name: str) -> None:
    check = faults if name in READ_BY_AXE else too_wide
    page = context.new_page()
    sign_in(page)
    found = []
    for path in ACCOUNTS:
        page.goto(path)
        found += check(page)
    page.goto("/ui/account/totp")
    page.get_by_role("button").locator("visible=true").and_(page.locator("main button")).click()
    page.locator(".r-qr").wait_for()
    found += check(page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("look", ["desktop-light-en", "phone-dark-en"], indirect=True)
def test_what_opens_on_a_page_is_sound(page: Page, paths: list[str], make_task: Callable[..., int]) -> None:
    page.goto("/ui/tasks")
    page.locator("tbody .r-menu > summary").last.click()
    found = faults(page)
    page.locator(".r-menu[open] button", has_text="Delete").click()
    page.locator("#dialog[open]").wait_for()
    found += faults(page)
    page.locator("#dialog [data-close]").click()
    page.goto("/ui/tasks/create")
    page.get_by_role("button", name="Create task").click()
    page.locator("#form-errors").wait_for()
    page.locator("details.r-adv").evaluate("(details) => { details.open = true; }")
    found += faults(page)
    assert not found, "\n".join(found)


def faults(page: Page) -> list[str]:
    """What is wrong with the page as it stands."""
    found = too_wide(page)
    page.evaluate(AXE.read_text("utf-8"))
    result = page.evaluate("axe.run({resultTypes: ['violations']})")
    for violation in result["violations"]:
        nodes = "; ".join(f"{node['html'][:160]} ({node['failureSummary'][:200]})" for node in violation["nodes"][:3])
        found.append(f"{page.url}: {violation['id']}: {nodes}")
    return found


def too_wide(page: Page) -> list[str]:
    """Whether the page must be scrolled sideways."""
    width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return [f"{page.url}: {width} px wider than the window"] if width > 0 else []
