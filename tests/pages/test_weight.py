"""A page with all that it loads is light: 150 kB at most as it travels, the editor left out."""

import gzip
import re
from datetime import timedelta

import httpx
import pytest

from common.paths import STATIC
from tests.pages.conftest import NOW, Person

MOST = 150_000


def weight(page: str) -> dict[str, int]:
    """The page and everything that it names below /static, compressed."""
    paths = {match for match in re.findall(r'(?:src|href)="/static/([^"?#]+)', page) if "codemirror" not in match}
    found = {path: len(gzip.compress((STATIC / path).read_bytes(), 6)) for path in sorted(paths)}
    return {"the page": len(gzip.compress(page.encode(), 6)), **found}


@pytest.mark.parametrize(
    "url", ["/ui/home", "/ui/tasks", "/ui/timeline", "/ui/workers", "/ui/settings", "/ui/tasks/1", "/ui/tasks/1/trend"]
)
async def test_a_page_is_light(alice: Person, url: str) -> None:
    for number in range(50):
        await alice.task(name=f"Task {number}", cron="*/5 * * * *", tags=["finance"])
    for number in range(1000):
        begun = NOW - timedelta(hours=number)
        await alice.execution(1, started_at=begun, finished_at=begun + timedelta(seconds=number % 97 + 0.123))
    parts = weight(await alice.get(url))
    assert sum(parts.values()) <= MOST, parts


async def test_static_files_travel_compressed(stranger: Person) -> None:
    page = (await stranger.client.get("/ui/login")).text
    path = re.search(r'"(/static/vendor/tabler[^"]+)"', page)
    assert path
    answer: httpx.Response = await stranger.client.get(path[1], headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"


async def test_pages_travel_compressed_and_hold_no_secret_twice(alice: Person) -> None:
    answers = [await alice.client.get("/ui/tasks/create", headers={"Accept-Encoding": "gzip"}) for _ in range(2)]
    assert {answer.headers["content-encoding"] for answer in answers} == {"gzip"}
    tokens = [re.findall(r'name="_csrf" value="([0-9a-f]+)"', answer.text) for answer in answers]
    assert len(set(tokens[0])) == 1, "one answer has one token"
    assert tokens[0][0][:16] != tokens[1][0][:16]
    assert tokens[0][0][16:] != tokens[1][0][16:]
    for given, status in ((tokens[0][0], 303), (tokens[0][0][:-1] + "x", 403), ("", 403), (tokens[0][0][16:], 403)):
        answer = await alice.client.post("/ui/preferences", data={"_csrf": given, "theme": "dark", "back": "/ui/tasks"})
        assert answer.status_code == status, given
