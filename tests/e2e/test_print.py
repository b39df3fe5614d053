"""What comes out of a printer: light, without anything to press, every line whole."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.eventually import eventually_sync
from tests.support.rota_process import Rota

pytestmark = pytest.mark.browser

LONG = "printf 'wide%.0s' $(seq 200); echo; seq 300"
CONTRAST = """() => {
  const [paper, ink] = [document.body, document.querySelector(".r-log .l span:last-child")]
    .map((each) => getComputedStyle(each));
  return [paper.backgroundColor, ink.color];
}"""


def test_an_execution_is_printed_light_and_whole(page: Page, rota: Rota, make_task: Callable[..., int]) -> None:
    task = make_task(name="To print", command=LONG)
    with rota.client() as client:
        client.post(f"/tasks/{task}/run").raise_for_status()

        def ended() -> None:
            assert client.get(f"/tasks/{task}/executions").json()["items"][0]["finished_at"]

        eventually_sync(ended)
        number = client.get(f"/tasks/{task}/executions").json()["items"][0]["id"]
    page.goto(f"/ui/executions/{number}")
    page.get_by_role("button", name="Theme: system").first.click()
    page.get_by_role("button", name="Theme: light").first.click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.locator("[data-wrap]").click()
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(CONTRAST) == ["rgb(255, 255, 255)", "rgb(24, 32, 49)"]
    for gone in (".r-side", ".r-acts", ".r-logbar", ".r-tabbar"):
        expect(page.locator(gone)).to_be_hidden()
    box = page.locator(".r-log")
    assert box.evaluate("each => each.scrollHeight - each.clientHeight") <= 1, "no line is behind a scroll bar"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    expect(page.get_by_text("300", exact=True).last).to_be_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
