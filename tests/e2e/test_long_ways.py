"""The longer ways people go: from one failing task among a thousand to its repair, and through a log of a hundred
megabytes, also in Chinese, on a phone, in the dark, and by keyboard alone."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PHONE
from tests.support.eventually import eventually_sync
from tests.support.rota_process import Rota

pytestmark = pytest.mark.browser

CHINESE_PHONE_IN_THE_DARK: dict[str, Any] = {
    "viewport": PHONE,
    "locale": "zh-CN",
    "timezone_id": "Asia/Shanghai",
    "color_scheme": "dark",
    "has_touch": True,
}
LINE = "2026-11-27 02:00:00 %s chunk %%07d: 10,000 rows written to the warehouse in 0.71 s, nothing odd about it"
LINES = 500_000


@pytest.fixture(scope="module")
def crowd(rota: Rota) -> Iterator[None]:
    """A thousand tasks that nobody has to look at."""
    client = rota.open_client()
    first = client.post("/tasks", json={"name": "Crowd 0", "command": "true", "cron": "0 3 * * *"}).json()["id"]
    with closing(sqlite3.connect(rota.log.parent / "data" / "rota.db", timeout=30)) as database, database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(tasks)") if row[1] not in ("id", "name")]
        names = ", ".join(columns)
        database.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)"
            f" INSERT INTO tasks (name, {names}) SELECT 'Crowd ' || i, {names} FROM n, tasks WHERE id = ?",
            (first,),
        )
    yield
    with closing(sqlite3.connect(rota.log.parent / "data" / "rota.db", timeout=30)) as database, database:
        database.execute("UPDATE tasks SET enabled = 0, deleted_at = created_at WHERE name LIKE 'Crowd %'")
    client.close()


def ended(rota: Rota, task: int) -> int:
    """Run it, and wait until that is over; gives the execution's id."""
    with rota.client() as client:
        run = client.post(f"/tasks/{task}/run").raise_for_status().json()["execution_id"]

        def over() -> None:
            assert client.get(f"/executions/{run}").json()["status"] not in ("queued", "running")

        eventually_sync(over, interval=0.2)
    return int(run)


def run_now(page: Page, words: str = "Run now") -> None:
    page.get_by_role("button", name=words).click()
    page.locator("#dialog").get_by_role("button", name="Run now").click()
    page.locator(".r-toast a").click()


def test_one_failing_task_among_a_thousand_is_found_understood_mended_and_run_again(
    page: Page, rota: Rota, crowd: None, make_task: Callable[..., int]
) -> None:
    task = make_task(name="Orders export", command='echo chunk 1; [ -n "$TABLE" ]', env={"TABLE": "orders"})
    ended(rota, task)
    with rota.client() as client:
        broken = {"env": {}, "command": "echo chunk 1; echo 'no such table: ' >&2; exit 3"}
        client.patch(f"/tasks/{task}", json=broken).raise_for_status()
    ended(rota, task)
    # Home says that something needs somebody; the list has it behind one click.
    page.goto("/ui/tasks")
    page.locator(".r-fchip", has_text="Failed").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("tbody tr .r-chip.o-failed").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Failed with exit code 3 after")
    expect(page.locator(".r-exhead .r-sub")).to_contain_text("First failure after 1 success.")
    expect(page.locator("#ex-since")).to_contain_text("v1 to v2")
    expect(page.locator("#ex-since")).to_contain_text("$TABLE")
    expect(page.locator(".r-log .err")).to_contain_text("no such table")
    # What the version changed, line by line; then mend it in the editor and run it again.
    page.locator("#ex-since a", has_text="v1 to v2").click()
    expect(page.get_by_role("heading", name="v1 to v2")).to_be_visible()
    page.get_by_role("link", name="Edit").first.click()
    page.locator(".r-editor .cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("echo chunk 1; echo mended")
    expect(page.locator(".c-f").first).to_have_text("echo")
    page.get_by_role("button", name="Save").click()
    run_now(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Success in "))
    expect(page.locator("#ex-facts")).to_contain_text("v3")
    expect(page.locator(".r-log")).to_contain_text("mended")


def test_twenty_are_paused_at_once(page: Page, crowd: None) -> None:
    page.goto("/ui/tasks?q=Crowd 1&sort=name")
    for box in page.locator("tbody input[name=ids]").all()[:20]:
        box.check()
    expect(page.locator("#bulkbar b")).to_have_text("20 selected")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".r-toast")).to_contain_text("Paused 20 tasks.")
    expect(page.locator(".c-sch", has_text="paused")).to_have_count(20)


def test_a_runaway_is_stopped_with_all_that_it_started(page: Page, make_task: Callable[..., int]) -> None:
    task = make_task(name="Runaway", command="sleep 300 & while :; do echo around; sleep 0.1; done")
    page.goto(f"/ui/tasks/{task}")
    run_now(page)
    expect(page.locator(".r-log .l").nth(4)).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    page.locator("#dialog").get_by_role("button", name="Stop it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Stopped by admin after")
    expect(page.locator("#ex-ending")).to_contain_text("Looked again: no process of it is left.")
    expect(page.locator("#ex-ending")).to_contain_text("sleep 300")


def test_a_log_of_a_hundred_megabytes_is_read(page: Page, rota: Rota, make_task: Callable[..., int]) -> None:
    out, err = (f"seq 1 {LINES} | awk '{{printf \"{LINE % level}\\n\", $1}}'" for level in ("INFO", "WARN"))
    run = ended(rota, make_task(name="Speaks much", command=f"{out}; {err} >&2; echo the end"))
    page.goto(f"/ui/executions/{run}")
    lines = page.locator(".r-log .l")
    expect(page.locator("#ex-log .r-cardhead")).to_contain_text(re.compile(r"1,000,001 lines, 1\d\d MB"))
    expect(lines).to_have_count(1000)
    expect(lines.last).to_contain_text("the end")
    page.get_by_role("link", name=re.compile("Load earlier lines")).click()
    expect(lines.last).to_contain_text("0499001")
    expect(lines).to_have_count(1000)
    # A hit far away, and the next one, which is not loaded.
    page.fill("#find-log", "chunk 0123456")
    page.keyboard.press("Enter")
    expect(page.locator(".r-hit.here")).to_be_visible()
    expect(page.locator("#ex-log .r-found")).to_contain_text("2")
    before = page.locator(".l:has(.r-hit.here)").get_attribute("id")
    page.locator("#find-log").press("Shift+Enter")
    expect(page.locator(f".l:has(.r-hit.here):not(#{before})")).to_be_visible()
    page.get_by_label("Level").select_option("WARNING")
    expect(page.locator(".r-log .l:not(.err)")).to_have_count(0)
    page.locator(".r-log .l > a").first.click()
    expect(page).to_have_url(re.compile(r"line=\d+.*#L\d+$"))
    expect(lines).to_have_count(1000)
    with page.expect_download() as loading:
        page.get_by_role("link", name="Download the output").click()
    assert loading.value.path().stat().st_size > 100_000_000


@pytest.mark.parametrize("look", [CHINESE_PHONE_IN_THE_DARK])
def test_a_running_log_is_followed_on_a_phone_in_chinese(page: Page, make_task: Callable[..., int]) -> None:
    command = 'for i in $(seq 1500); do echo line $i; done; for i in 1 2 3; do sleep 0.7; echo "later $i"; done'
    task = make_task(name="说话", command=command)
    page.goto(f"/ui/tasks/{task}")
    page.get_by_role("button", name="立即执行").click()
    page.locator("#dialog").get_by_role("button", name="立即执行").click()
    page.locator(".r-toast a").click()
    expect(page.locator(".r-log .l").last).to_contain_text("later 3")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^成功，历时 "))
    assert page.locator(".r-log .l").count() <= 1000
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_stream_goes_on_where_it_was_when_the_connection_breaks(page: Page, make_task: Callable[..., int]) -> None:
    task = make_task(name="Counts", command='for i in $(seq 60); do echo "n $i."; sleep 0.15; done')
    page.goto(f"/ui/tasks/{task}")
    run_now(page)
    expect(page.locator(".r-log .l").nth(2)).to_be_visible()
    page.context.set_offline(True)
    page.wait_for_function("document.querySelectorAll('.r-log .l').length > 2")
    page.context.set_offline(False)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Success in")
    texts = page.locator(".r-log .l > :last-child").all_inner_texts()
    assert texts == [f"n {number}." for number in range(1, 61)]


def test_a_task_is_written_and_run_by_keyboard_alone(page: Page, make_task: Callable[..., int]) -> None:
    page.keyboard.press("n")
    page.wait_for_url("**/ui/tasks/create")
    page.keyboard.type("By keyboard")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("echo first")
    page.keyboard.press("Enter")
    page.keyboard.type("echo second")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("0 3 * * 1")
    expect(page.locator(".r-sentence")).to_have_text("Mondays at 03:00")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("By keyboard")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Run now":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#dialog[open]")).to_be_visible()
    page.locator("#dialog").get_by_role("button", name="Run now").focus()
    page.keyboard.press("Enter")
    page.locator(".r-toast a").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".r-log")).to_contain_text("second")
    with page.expect_navigation():
        page.goto("/ui/tasks?q=By+keyboard")
    row = page.locator("tbody tr")
    row.locator(".r-menu > summary").click()
    row.get_by_role("button", name="Delete…").click()
    page.locator("#dialog .btn-danger").click()
    expect(page.locator("tbody tr")).to_have_count(0)
