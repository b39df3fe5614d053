"""Asking Rota's HTTP API as fast as it answers, over kept-alive connections. Plain asyncio: a client library would cost
more CPU than the server it measures."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.rota_process import Rota


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str


def token(rota: Rota) -> str:
    """An access token of the administrator."""
    with rota.client() as client:
        return str(client.headers["Authorization"])


async def seconds_of(rota: Rota, calls: Sequence[Call], *, authorization: str, clients: int = 1) -> list[float]:
    """Seconds that each answer took, with so many connections at once; raises AssertionError for a failed one."""
    host, port = rota.url.removeprefix("http://").split(":")
    left = list(reversed(calls))
    took: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while left:
            call = left.pop()
            began = time.perf_counter()
            writer.write(
                f"{call.method} {call.path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\n"
                "Accept: */*\r\nContent-Length: 0\r\n\r\n".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            size = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:"))
            body = await reader.readexactly(size)
            took.append(time.perf_counter() - began)
            assert head.split()[1].startswith("2"), f"{call}: {head.splitlines()[0]} {body[:300]!r}"
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return took
