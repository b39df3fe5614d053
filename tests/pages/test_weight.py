"""A page with all that it loads is light: 150 kB at most as it travels, the editor left out."""

import gzip
import re

import httpx
import pytest

from common.paths import STATIC
from tests.pages.conftest import Person

MOST = 150_000


def weight(page: str) -> dict[str, int]:
    """The page and everything that it names below /static, compressed."""
    paths = {match for match in re.findall(r'(?:src|href)="/static/([^"?#]+)', page) if "codemirror" not in match}
    found = {path: len(gzip.compress((STATIC / path).read_bytes(), 6)) for path in sorted(paths)}
    return {"the page": len(gzip.compress(page.encode(), 6)), **found}


@pytest.mark.parametrize("url", ["/ui/home", "/ui/tasks", "/ui/timeline", "/ui/workers", "/ui/settings", "/ui/tasks/1"])
async def test_a_page_is_light(alice: Person, url: str) -> None:
    for number in range(50):
        await alice.task(name=f"Task {number}", cron="*/5 * * * *", tags=["finance"])
    parts = weight(await alice.get(url))
    assert sum(parts.values()) <= MOST, parts


async def test_static_files_travel_compressed(stranger: Person) -> None:
    page = (await stranger.client.get("/ui/login")).text
    path = re.search(r'"(/static/vendor/tabler[^"]+)"', page)
    assert path
    answer: httpx.Response = await stranger.client.get(path[1], headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
