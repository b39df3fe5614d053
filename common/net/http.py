"""HTTP clients that call allowed addresses only: http and https, no proxy, no redirect unless it is asked for."""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from common.errors import Invalid
from common.i18n import N_
from common.net.addresses import Policy, Unresolvable, checked, resolve

SCHEMES = ("http", "https")
_ERRORS = (httpcore.ConnectError, httpcore.ConnectTimeout)


def check_url(text: str, *, field: str = "url") -> httpx.URL:
    """The URL, if it is one that may be called; raises Invalid naming the field. Where it leads is seen at the call."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise Invalid(N_("Must be a URL such as https://example.com/path."), field=field) from None
    if url.scheme not in SCHEMES or not url.host:
        raise Invalid(N_("Must begin with http:// or https:// and name a host."), field=field)
    if url.userinfo:
        raise Invalid(N_("Must not hold a user name or password. Put them into a header."), field=field)
    return url


class _Backend(httpcore.SyncBackend):
    """Connects to what was resolved and looked at. The name stays what TLS and the Host header are about."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = resolve(host, port, self._policy)
        for address in addresses[:-1]:
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except _ERRORS:
                continue
        return super().connect_tcp(addresses[-1], port, timeout, local_address, socket_options)


class _AsyncBackend(httpcore.AnyIOBackend):
    """The same for an event loop."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await _resolved(host, port, self._policy)
        for address in addresses[:-1]:
            try:
                return await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except _ERRORS:
                continue
        return await super().connect_tcp(addresses[-1], port, timeout, local_address, socket_options)


async def _resolved(host: str, port: int, policy: Policy) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unresolvable(N_("The host {host} is not known."), host=host) from None
    return checked(host, [str(item[4][0]) for item in found], policy)


def _context(verify: bool) -> ssl.SSLContext:
    return httpx.create_ssl_context(verify=verify, trust_env=True)


class GuardedTransport(httpx.HTTPTransport):
    """A transport for `httpx.Client`; a call that is not allowed raises NotAllowed before a byte is sent."""

    def __init__(self, policy: Policy, *, verify: bool = True) -> None:
        context = _context(verify)
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(ssl_context=context, network_backend=_Backend(policy))


class AsyncGuardedTransport(httpx.AsyncHTTPTransport):
    """The same for `httpx.AsyncClient`."""

    def __init__(self, policy: Policy, *, verify: bool = True) -> None:
        context = _context(verify)
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(ssl_context=context, network_backend=_AsyncBackend(policy))


def client(policy: Policy, *, timeout: float, verify: bool = True, redirects: bool = False) -> httpx.Client:
    """A client for calls on somebody's behalf. A redirect that is followed is looked at like the first address."""
    return httpx.Client(
        transport=GuardedTransport(policy, verify=verify),
        timeout=timeout,
        follow_redirects=redirects,
        max_redirects=5,
        trust_env=False,
    )


def async_client(policy: Policy, *, timeout: float, verify: bool = True) -> httpx.AsyncClient:
    """The same for an event loop; it follows no redirects."""
    transport = AsyncGuardedTransport(policy, verify=verify)
    return httpx.AsyncClient(transport=transport, timeout=timeout, follow_redirects=False, trust_env=False)
