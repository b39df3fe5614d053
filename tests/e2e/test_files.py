"""A file from a run to somebody without an account, in a browser."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.rota_process import Rota

pytestmark = pytest.mark.browser
NAME = "订单 2026-03.csv"
COMMAND = f'printf "号,客户\\n1,张伟\\n" >"$ROTA_ARTIFACTS/{NAME}"'
CONTENT = "号,客户\n1,张伟\n"


def test_a_file_is_downloaded_and_given_out_by_a_link(
    page: Page, rota: Rota, browser: Browser, make_task: Callable[..., int]
) -> None:
    task = make_task(name="Orders of the week", command=COMMAND, spec={"keep_files": True})
    page.goto(f"/ui/tasks/{task}")
    page.get_by_role("button", name="Run now").click()
    page.locator("#dialog").get_by_role("button", name="Run now").click()
    page.locator(".r-toast a").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Success in ")
    with page.expect_download() as waiting:
        page.get_by_role("link", name=f"Download {NAME}").click()
    assert waiting.value.suggested_filename == NAME
    assert waiting.value.path().read_text() == CONTENT

    page.locator(".r-filelist form[action$='/link'] button").click()
    link = page.locator("#dialog .r-secret").inner_text()
    answer = httpx.get(link)
    assert (answer.status_code, answer.text) == (200, CONTENT)
    stranger = browser.new_context().new_page()
    with stranger.expect_download() as waiting:
        stranger.evaluate("link => { location.href = link }", link)
    assert waiting.value.suggested_filename == NAME
    stranger.context.close()

    page.locator("#dialog").get_by_role("link", name="Done").click()
    page.locator(".r-filelist .r-menu > summary").click()
    page.get_by_role("button", name="End its links").click()
    expect(page.locator(".r-toast")).to_contain_text("do not work any more")
    assert httpx.get(link).status_code == 404
    page.goto("/ui/files")
    expect(page.get_by_role("link", name=NAME, exact=True)).to_be_visible()
