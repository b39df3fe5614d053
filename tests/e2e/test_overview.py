"""The home page moves by itself, the palette finds and runs, what was paused can be taken back."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.eventually import eventually_sync
from tests.support.rota_process import Rota

pytestmark = pytest.mark.browser


def test_an_open_page_is_told_of_changes(page: Page, rota: Rota, make_task: Callable[..., int]) -> None:
    task = make_task(name="Seen at once", command="sleep 60")
    page.goto("/ui/home")
    # From here on it asks by itself only once an hour: what it shows, it was told of.
    page.evaluate("document.querySelector('[data-live]').dataset.live = '3600'")
    expect(page.locator("[data-count=tasks]").first).not_to_be_empty()
    with rota.client() as client:
        client.post(f"/tasks/{task}/run").raise_for_status()
    running = page.locator("section", has=page.get_by_role("heading", name="Running now"))
    expect(running).to_contain_text("Seen at once")
    running.get_by_role("button", name="Stop Seen at once").click()
    page.locator("#dialog").get_by_role("button", name="Stop it").click()
    expect(running).to_have_count(0)


def test_all_runs_are_zoomed_into_and_opened(page: Page, rota: Rota, make_task: Callable[..., int]) -> None:
    task = make_task(name="To zoom", command="exit $((ROTA_EXECUTION_ID % 2))")
    with rota.client() as client:
        for _ in range(3):
            client.post(f"/tasks/{task}/run").raise_for_status()

        def ended() -> None:
            found = client.get(f"/tasks/{task}/executions").json()["items"]
            assert len([each for each in found if each["finished_at"]]) == 3

        eventually_sync(ended)
    page.goto(f"/ui/tasks/{task}/trend")
    assert page.evaluate("window.uPlot") is None, "the library comes with the wish to zoom"
    expect(page.locator(".r-chart svg a")).to_have_count(3)
    page.get_by_role("button", name="Zoom into all 3 runs").click()
    expect(page.locator(".r-chart canvas")).to_be_visible()
    told = page.locator("output")
    expect(told).to_contain_text("Drag to zoom.")
    page.get_by_role("button", name="Zoom in", exact=False).last.click()
    page.get_by_role("button", name="All", exact=True).click()
    page.locator(".r-chart").focus()
    page.keyboard.press("ArrowLeft")
    expect(told).to_contain_text(re.compile("Success|Failed"))
    page.emulate_media(color_scheme="dark")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/ui/executions/\d+$"))


def test_the_palette_finds_a_task_and_runs_it(page: Page, make_task: Callable[..., int]) -> None:
    task = make_task(name="Quarterly numbers")
    page.goto("/ui/workers")
    page.keyboard.press("/")
    page.keyboard.type("quarterly")
    expect(page.locator("[role=option]")).to_have_count(2)
    expect(page.locator("[role=option]").first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator("#dialog").get_by_role("button", name="Run now").click()
    expect(page.locator(".r-toast")).to_contain_text("Quarterly numbers is queued.")
    page.keyboard.press("Control+k")
    page.keyboard.type("quarterly")
    page.keyboard.press("Enter")  # before anything is found: it waits for that
    page.wait_for_url(f"**/ui/tasks/{task}")


def test_pausing_many_is_taken_back(page: Page, make_task: Callable[..., int]) -> None:
    for number in range(2):
        make_task(name=f"Undone {number}", cron="0 2 * * *")
    page.goto("/ui/tasks?q=Undone")
    page.get_by_label("Select all on this page").check()
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".c-sch", has_text="paused")).to_have_count(2)
    page.locator(".r-toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".c-sch", has_text="paused")).to_have_count(0)
    page.locator("tbody .r-menu > summary").first.click()
    expect(page.locator(".r-menu[open]").get_by_role("button", name="Delete…")).to_be_visible()
