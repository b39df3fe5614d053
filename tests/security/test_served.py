"""What a served Rota says: headers on every kind of answer, errors that tell nothing, where somebody comes from."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.eventually import eventually_sync
from tests.support.rota_process import PASSWORD, free_port, started

pytestmark = pytest.mark.process

#: What an attacker would like to read in an error: stacks, places, statements, versions of libraries.
#: The end of what `kind` of a data source may be: that SQLite is one of them is nothing of the inside.
KINDS_OF_SOURCES = re.compile(r"sqlserver\W* or \W*sqlite\b")
INSIDE = re.compile(
    r"Traceback|File \"|line \d+, in|site-packages|/(home|root|tmp|work|usr|var)/|\.py\b|SELECT |INSERT |UPDATE |sqlite"
    r"|sqlalchemy|pydantic|starlette|uvicorn|asyncpg|0x[0-9a-f]{6}",
)
NONSENSE = (
    "'",
    '"; DROP TABLE users; --',
    "%00",
    "\\",
    "../../etc/passwd",
    "${7*7}",
    "{{7*7}}",
    "%ff%fe",
    "-1",
    "9" * 40,
    "💥",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A web server behind 127.0.0.1 as its trusted proxy; its address, and what it logs."""
    port, folder = free_port(), tmp_path_factory.mktemp("served")
    url = f"http://127.0.0.1:{port}"

    def up() -> None:
        try:
            assert httpx.get(f"{url}/health").status_code == 200
        except httpx.HTTPError as error:
            raise AssertionError(str(error)) from None

    with started(folder, "api", port=port, password=PASSWORD, database_url=None, trusted_proxies="127.0.0.1"):
        eventually_sync(up)
        yield url, folder / "rota.log"


@pytest.fixture(scope="module")
def client(server: tuple[str, Path]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server[0], timeout=30) as made:
        answer = made.post("/auth/login", json={"username": "admin", "password": PASSWORD})
        made.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
        yield made


def test_every_answer_carries_the_headers(client: httpx.Client, server: tuple[str, Path]) -> None:
    page = client.get("/ui/login").text
    style = re.findall(r'href="(/static/[^"]+\.css[^"]*)"', page)[0]
    browser = httpx.Client(base_url=server[0])
    browser.post("/ui/login", data={"username": "admin", "password": PASSWORD}).raise_for_status  # noqa: B018
    answers = {
        "page": client.get("/ui/login"),
        "private page": browser.get("/ui/tasks"),
        "redirect": browser.get("/ui/tasks", headers={"Cookie": "x=y"}),
        "json": client.get("/tasks"),
        "docs": browser.get("/docs"),
        "openapi": client.get("/openapi.json"),
        "health": client.get("/health"),
        "static": client.get(style),
        "static that is not there": client.get("/static/nothing.js"),
        "static outside": client.get("/static/..%2f..%2fpyproject.toml"),
        "not found": client.get("/nothing"),
        "not found page": browser.get("/ui/nothing"),
        "wrong method": client.request("PATCH", "/health"),
        "invalid": client.post("/tasks", json={}),
        "unauthorized": httpx.get(f"{server[0]}/tasks"),
        "too large": client.post("/tasks", content=b" " * (9 * 1024 * 1024)),
        "too many headers": client.get("/tasks", headers=[(f"x-{number}", "y") for number in range(90)] * 2),
        "export": client.get("/audit/export?format=csv"),
    }
    with browser.stream("GET", "/ui/events") as stream:
        answers["event stream"] = httpx.Response(stream.status_code, headers=stream.headers)
    assert answers["event stream"].headers["content-type"].startswith("text/event-stream")
    assert answers["static outside"].status_code == 404
    for name, answer in answers.items():
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff", name
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy, name
        assert "*" not in policy, name
        assert "sandbox" in policy or "frame-ancestors 'none'" in policy, (name, policy)
        assert headers["referrer-policy"] == "same-origin", name
        assert headers["cross-origin-opener-policy"] == "same-origin", name
        assert "access-control-allow-origin" not in headers, name
        assert "server" not in headers, name
        kept = headers["cache-control"]
        assert "no-store" in kept or name.startswith("static") or name == "event stream", (name, kept)
    assert (
        client.options(
            "/tasks", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
        ).headers.get("access-control-allow-origin")
        is None
    )
    browser.close()


def test_an_error_tells_nothing_of_the_inside(client: httpx.Client) -> None:
    """Nonsense in every path and query of the OpenAPI document, and in bodies: no 500, and nothing of the inside."""
    document = client.get("/openapi.json").json()
    asked = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path.startswith(("/auth/logout", "/auth/password", "/auth/sessions", "/auth/totp", "/auth/identities")):
                continue
            queries = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
            for text in NONSENSE[:: 1 if method == "get" else 4]:
                place = "/".join(text if part.startswith("{") else part for part in path.split("/"))
                address = httpx.URL(client.base_url).copy_with(
                    path=place.replace("?", "").replace("#", ""), params=dict.fromkeys(queries, text)
                )
                answer = (
                    client.request(method, address, content=text.encode(), headers={"content-type": "application/json"})
                    if method != "get"
                    else client.get(address)
                )
                asked += 1
                if answer.status_code < 400:
                    continue
                assert answer.status_code < 500, (method, address, answer.text[:300])
                said = answer.text.replace(text, "").replace(place, "")
                said = KINDS_OF_SOURCES.sub("", said)
                assert not INSIDE.search(said), (method, address, said[:300])
    assert asked > 400


def test_only_a_trusted_proxy_says_where_somebody_comes_from(
    client: httpx.Client, server: tuple[str, Path], tmp_path: Path
) -> None:
    """The proxy's own word is believed, and of a chain what the proxy added; without the setting nothing is."""

    def addresses(of: httpx.Client) -> list[str]:
        entries = of.get("/audit", params={"limit": 3}).json()["items"]
        return [entry["address"] for entry in entries if entry["action"] == "signin"]

    guess = {"username": "admin", "password": "wrong wrong wrong"}
    httpx.post(f"{server[0]}/auth/login", json=guess, headers={"X-Forwarded-For": "198.51.100.7, 203.0.113.9"})
    assert addresses(client)[0] == "203.0.113.9"
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def up() -> None:
        try:
            assert httpx.get(f"{url}/health").status_code == 200
        except httpx.HTTPError as error:
            raise AssertionError(str(error)) from None

    with started(tmp_path, "api", port=port, password=PASSWORD, database_url=None), httpx.Client(base_url=url) as other:
        eventually_sync(up)
        forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Forwarded": "for=203.0.113.9"}
        answer = other.post("/auth/login", json={"username": "admin", "password": PASSWORD}, headers=forged)
        other.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        assert addresses(other) == ["127.0.0.1"]
        page = httpx.post(f"{url}/ui/login", data={"username": "admin", "password": PASSWORD}, headers=forged)
        assert "__Host-" not in page.headers["set-cookie"]
