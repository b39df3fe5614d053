"""What people come for: make a task, run it, see what it said; find out why one failed; pause, change, delete."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import DESKTOP, PHONE, Troubles
from tests.support.rota_process import PASSWORD, running

pytestmark = pytest.mark.browser

ENGLISH: dict[str, Any] = {"viewport": DESKTOP, "locale": "en-GB", "timezone_id": "Europe/Berlin"}
CHINESE_PHONE_IN_THE_DARK: dict[str, Any] = {
    "viewport": PHONE,
    "locale": "zh-CN",
    "timezone_id": "Asia/Shanghai",
    "color_scheme": "dark",
    "has_touch": True,
}
WORDS = {
    "en": {"new": "New task", "create": "Create task", "run": "Run now", "success": re.compile("^Success in ")},
    "zh": {"new": "新建任务", "create": "创建任务", "run": "立即执行", "success": re.compile("^成功，历时 ")},
}


@pytest.mark.parametrize(
    ("look", "lang"), [(ENGLISH, "en"), (CHINESE_PHONE_IN_THE_DARK, "zh")], ids=["desktop-en", "phone-dark-zh"]
)
def test_from_login_to_the_first_green_run(page: Page, lang: str, make_task: Callable[..., int]) -> None:
    words: dict[str, Any] = WORDS[lang]
    name = f"测试任务 {lang}"
    page.get_by_role("link", name=words["new"]).locator("visible=true").first.click()
    page.fill("[name=name]", name)
    page.fill("[name=command]", "echo hello")
    page.fill("[name=cron]", "*/5 * * * *")
    expect(page.locator(".r-sentence")).to_have_text("每 5 分钟" if lang == "zh" else "Every 5 minutes")
    expect(page.locator("#preview-card tbody tr:not(.dst)")).to_have_count(10)
    page.get_by_role("button", name=words["create"]).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_role("button", name=words["run"]).click()
    page.locator("#dialog").get_by_role("button", name=words["run"]).click()
    page.locator(".r-toast a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(words["success"])
    expect(page.locator(".r-log")).to_contain_text("hello")
    page.goto("/ui/tasks")
    expect(page.locator("tr", has_text=name).locator(".r-chip.o-success")).to_be_visible()
    delete(page, name, lang)


def delete(page: Page, name: str, lang: str = "en") -> None:
    row = page.locator("tr", has_text=name)
    row.locator(".r-menu > summary").click()
    row.get_by_role("button", name="删除…" if lang == "zh" else "Delete…").click()
    page.locator("#dialog .btn-danger").click()
    expect(page.locator(".r-toast")).to_contain_text(name)
    expect(page.locator("tr", has_text=name)).to_have_count(0)


def test_a_failing_task_says_why(page: Page, make_task: Callable[..., int]) -> None:
    task = make_task(name="Breaks", command="echo starting; echo 'no such table: orders' >&2; exit 3")
    page.goto(f"/ui/tasks/{task}")
    page.get_by_role("button", name="Run now").click()
    page.locator("#dialog").get_by_role("button", name="Run now").click()
    page.locator(".r-toast a").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Failed with exit code 3 after")
    expect(page.locator(".r-log .err")).to_contain_text("no such table: orders")
    page.get_by_role("link", name="stderr").click()
    expect(page.locator(".r-log")).not_to_contain_text("starting")
    page.goto("/ui/tasks?status=failed")
    expect(page.locator("tr", has_text="Breaks")).to_contain_text("Failed")
    page.goto(f"/ui/tasks/{task}")
    expect(page.locator("section", has_text="Recent failures").last).to_contain_text("no such table: orders")


def test_a_run_is_followed_and_stopped(page: Page, make_task: Callable[..., int]) -> None:
    task = make_task(name="Goes on", command="for i in $(seq 600); do echo line $i; sleep 0.2; done")
    page.goto(f"/ui/tasks/{task}")
    page.get_by_role("button", name="Run now").click()
    page.locator("#dialog").get_by_role("button", name="Run now").click()
    page.locator(".r-toast a").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Running for")
    expect(page.locator(".r-log")).to_contain_text("line 9")
    page.get_by_role("button", name="Stop").click()
    page.locator("#dialog").get_by_role("button", name="Stop it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Stopped by admin after")
    expect(page.locator("[data-live]")).to_have_count(0)


def test_a_task_is_changed_and_what_was_typed_survives_an_error(page: Page, make_task: Callable[..., int]) -> None:
    task = make_task(name="Old name", cron="0 2 * * *")
    page.goto(f"/ui/tasks/{task}")
    page.get_by_role("link", name="Edit").first.click()
    page.fill("[name=name]", "New name")
    page.fill("[name=cron]", "99 2 * * *")
    expect(page.locator("#preview-card .o-failed").first).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#n-cron")).to_contain_text("minute")
    expect(page.locator("[name=name]")).to_have_value("New name")
    page.get_by_role("button", name="weekdays 08:30").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New name")
    expect(page.locator(".r-sub").first).to_contain_text("Weekdays at 08:30")


def test_environment_lines_are_pasted_into_rows(page: Page, make_task: Callable[..., int]) -> None:
    task = make_task(name="With environment", command='echo "$REGION-$LEVEL"')
    page.goto(f"/ui/tasks/{task}/edit")
    page.locator("[name=env_name]").first.focus()
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.setData('text', 'export REGION="eu central"\\nLEVEL=3\\n');
            const paste = new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true});
            document.activeElement.dispatchEvent(paste);
        }"""
    )
    expect(page.locator("[name=env_name]")).to_have_count(3)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".r-facts")).to_contain_text("REGION, LEVEL")


def test_the_switch_pauses_without_leaving_the_list(page: Page, make_task: Callable[..., int]) -> None:
    make_task(name="To be paused", cron="0 2 * * *")
    page.goto("/ui/tasks")
    switch = page.get_by_role("switch", name="To be paused enabled")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(page.locator(".r-toast")).to_contain_text("To be paused is paused.")
    expect(page.locator("tr", has_text="To be paused").locator(".c-sch")).to_contain_text("paused")


def test_many_are_paused_and_deleted_at_once(page: Page, make_task: Callable[..., int]) -> None:
    for number in range(3):
        make_task(name=f"Bulk {number}", cron="0 2 * * *")
    page.goto("/ui/tasks?q=Bulk")
    page.get_by_label("Select all on this page").check()
    expect(page.locator("#bulkbar b")).to_have_text("3 selected")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".r-toast")).to_contain_text("Paused 3 tasks.")
    expect(page.locator("#bulkbar")).to_be_hidden()
    expect(page.locator(".c-sch", has_text="paused")).to_have_count(3)
    page.get_by_label("Select Bulk 1").check()
    page.locator("#bulkbar").get_by_role("button", name="Tags…").click()
    dialog = page.locator("#dialog")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog).to_contain_text("Write a tag.")
    dialog.get_by_label("Tags").fill("nightly")
    dialog.get_by_role("button", name="Add").click()
    expect(page.locator(".r-toast")).to_contain_text("1 task is tagged nightly.")
    expect(page.locator("tr", has_text="Bulk 1").locator(".tag")).to_have_text("nightly")
    page.locator(".r-toast .r-undo").click()
    expect(page.locator("tr", has_text="Bulk 1").locator(".tag")).to_have_count(0)
    page.get_by_label("Select Bulk 1").check()
    page.get_by_label("Select Bulk 2").check()
    page.locator("#bulkbar").get_by_role("button", name="Delete…").click()
    expect(page.locator("#dialog")).to_contain_text("Delete 2 tasks?")
    expect(page.locator("#dialog").get_by_text("Keep them")).to_be_focused()
    page.locator("#dialog").get_by_role("button", name="Delete 2 tasks").click()
    expect(page.locator(".r-toast")).to_contain_text("Deleted 2 tasks.")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_the_list_is_searched_while_one_types(page: Page, make_task: Callable[..., int]) -> None:
    make_task(name="Needle in the list")
    make_task(name="Hay")
    page.goto("/ui/tasks")
    page.keyboard.press("/")
    page.keyboard.type("needle")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?q=needle"))
    expect(page.locator("#q")).to_be_focused()


def test_it_works_by_keyboard(page: Page, make_task: Callable[..., int]) -> None:
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_url("**/ui/executions")
    page.keyboard.press("n")
    page.wait_for_url("**/ui/tasks/create")
    expect(page.locator("[name=name]")).to_be_focused()


def test_theme_and_language_are_switched_and_kept(page: Page) -> None:
    page.get_by_role("button", name="Theme: system").first.click()
    page.get_by_role("button", name="Theme: light").first.click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.get_by_role("button", name="中文").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("任务")
    page.get_by_role("button", name="退出登录").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("登录")


def test_it_works_without_javascript(browser: Browser, rota: Any, make_task: Callable[..., int]) -> None:
    task = make_task(name="Plain")
    context = browser.new_context(base_url=rota.url, java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto("/ui/login")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.goto(f"/ui/tasks/{task}")
    page.get_by_role("button", name="Run now").click()
    page.locator("main").get_by_role("button", name="Run now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Success in")
    page.goto(f"/ui/tasks/{task}")
    page.get_by_role("switch").click()
    expect(page.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    context.close()


def test_the_first_start_asks_for_an_administrator(browser: Browser, tmp_path: Path, troubles: Troubles) -> None:
    with running(tmp_path, password=None) as fresh:
        context = browser.new_context(base_url=fresh.url, locale="en-GB")
        page = context.new_page()
        troubles.watch(page)
        page.goto(fresh.setup_url())
        page.fill("[name=username]", "lin.yue")
        page.fill("[name=password]", PASSWORD)
        page.fill("[name=repeat]", PASSWORD)
        page.get_by_role("button", name="Create the administrator").click()
        expect(page.locator("main")).to_contain_text("Nothing is scheduled yet.")
        page.locator(".r-examples").get_by_role("link", name="Start from this").first.click()
        page.get_by_role("button", name="Create task").click()
        page.get_by_role("button", name="Run now").click()
        page.locator("#dialog").get_by_role("button", name="Run now").click()
        page.locator(".r-toast a").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Success in "))
        expect(page.locator(".r-log")).to_contain_text("hello from")
        context.close()
