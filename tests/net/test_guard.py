"""What may be called: public addresses, what a setting allows, and nothing else, whatever a name says on second try."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from typing import Any

import httpx
import pytest

from common.errors import Invalid
from common.net import http
from common.net.addresses import NotAllowed, Policy, Unresolvable, resolve

NOTHING = Policy()
LOCAL = Policy.of(["127.0.0.0/8"])


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers["Host"]))  # type: ignore[attr-defined]
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path[4:])
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    made = HTTPServer(("127.0.0.1", 0), _Handler)
    made.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "2002:7f00:0001::",
        "64:ff9b::7f00:1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not NOTHING.allows("x.test", ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert NOTHING.allows("x.test", ip_address(address))


def test_a_setting_allows_networks_addresses_and_names() -> None:
    policy = Policy.of(["10.0.0.0/8", "192.168.1.20", "intranet.example.com", "*.corp.example", "fd00::/8"])
    for host, address, expected in (
        ("x", "10.9.9.9", True),
        ("x", "::ffff:10.9.9.9", True),
        ("x", "192.168.1.20", True),
        ("x", "192.168.1.21", False),
        ("x", "fd12::1", True),
        ("Intranet.Example.com.", "127.0.0.1", True),
        ("a.corp.example", "127.0.0.1", True),
        ("corp.example", "127.0.0.1", False),
        ("evilcorp.example", "127.0.0.1", False),
        ("intranet.example.com.evil.test", "127.0.0.1", False),
    ):
        assert policy.allows(host, ip_address(address)) is expected, (host, address)
    assert Policy(anything=True).allows("x", ip_address("169.254.169.254"))


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "localhost", "[::1]".strip("[]")])
def test_odd_spellings_of_this_machine_are_seen_through(host: str) -> None:
    with pytest.raises((NotAllowed, Unresolvable)):
        resolve(host, 80, NOTHING)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com",
        "gopher://example.com",
        "//example.com",
        "example.com",
        "http://",
        "http:///x",
        "https://user:password@example.com",
        "javascript:alert(1)",
        "http://[::1",
        "",
    ],
)
def test_only_http_addresses_are_urls(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        http.check_url(url, field="command")
    assert refused.value.field == "command"


def test_a_local_server_is_called_when_it_is_allowed_and_only_then(server: HTTPServer) -> None:
    url = f"http://127.0.0.1:{server.server_port}/"
    with http.client(NOTHING, timeout=30) as client, pytest.raises(NotAllowed, match="not a public address"):
        client.get(url)
    assert server.seen == []  # type: ignore[attr-defined]
    with http.client(LOCAL, timeout=30) as client:
        assert client.get(url).text == "hello"


async def test_the_same_for_an_event_loop(server: HTTPServer) -> None:
    url = f"http://localhost:{server.server_port}/"
    async with http.async_client(NOTHING, timeout=30) as client:
        with pytest.raises(NotAllowed):
            await client.get(url)
    async with http.async_client(Policy(anything=True), timeout=30) as client:
        assert (await client.get(url)).text == "hello"
    assert server.seen == [("/", f"localhost:{server.server_port}")]  # type: ignore[attr-defined]


def test_a_proxy_of_the_environment_is_not_used(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_port}")
    with http.client(NOTHING, timeout=1) as client, pytest.raises((Unresolvable, httpx.ConnectError)):
        client.get("http://name-that-is-not-there.invalid/")
    assert server.seen == []  # type: ignore[attr-defined]


def test_redirects_are_not_followed_unless_asked_for_and_then_looked_at(server: HTTPServer) -> None:
    base = f"http://127.0.0.1:{server.server_port}"
    with http.client(LOCAL, timeout=30) as client:
        assert client.get(f"{base}/to/{base}/end").status_code == 302
    with http.client(LOCAL, timeout=30, redirects=True) as client:
        assert client.get(f"{base}/to/{base}/end").text == "hello"
        with pytest.raises(NotAllowed):
            client.get(f"{base}/to/http://10.0.0.1/")


def test_a_name_is_asked_for_once_and_the_answer_is_what_is_called(
    server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name's owner answers with a public address first and with this machine's from then on."""
    answers = iter(["93.184.216.34"])
    connected = []

    def getaddrinfo(host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers, "127.0.0.1"), port))]

    def create_connection(address: tuple[str, int], *args: Any, **options: Any) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket, "create_connection", create_connection)
    with http.client(NOTHING, timeout=1) as client, pytest.raises(httpx.ConnectError):
        client.get("http://rebinding.test/")
    assert connected == ["93.184.216.34"]


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 80)) for each in ("8.8.8.8", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(NotAllowed):
        resolve("both.test", 80, NOTHING)
