"""The proxy that the other tests trust to misbehave: each mode does what it says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.support.eventually import eventually
from tests.support.proxy import Mode, Proxy, proxy


class Echo:
    """A server that notes each line and sends it back."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while line := await reader.readline():
                self.lines.append(line)
                writer.write(line)
                await writer.drain()
        writer.transport.abort()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    echo.port = server.sockets[0].getsockname()[1]
    yield echo
    server.close()


@pytest.fixture
async def between(echo: Echo) -> AsyncIterator[Proxy]:
    async with proxy("127.0.0.1", echo.port) as made:
        yield made


class Client:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, line: bytes) -> None:
        self.writer.write(line)

    async def answer(self, seconds: float = 10) -> bytes:
        async with asyncio.timeout(seconds):
            return await self.reader.readline()


@pytest.fixture
async def client(between: Proxy) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", between.port)
    client = Client(reader, writer)
    client.send(b"hello\n")
    assert await client.answer() == b"hello\n"
    yield client
    writer.transport.abort()


async def test_a_black_hole_keeps_the_connection_and_lets_all_through_later(
    echo: Echo, between: Proxy, client: Client
) -> None:
    await between.set(Mode.BLACK_HOLE)
    client.send(b"one\n")
    with pytest.raises(TimeoutError):
        await client.answer(0.1)
    assert echo.lines == [b"hello\n"]
    await between.set(Mode.PASS)
    assert await client.answer() == b"one\n"


async def test_a_black_hole_accepts_and_says_nothing(echo: Echo, between: Proxy) -> None:
    await between.set(Mode.BLACK_HOLE)
    reader, writer = await asyncio.open_connection("127.0.0.1", between.port)
    late = Client(reader, writer)
    late.send(b"one\n")
    with pytest.raises(TimeoutError):
        await late.answer(0.1)
    await between.set(Mode.PASS)
    assert await late.answer() == b"one\n"
    writer.transport.abort()


@pytest.mark.parametrize("mode", [Mode.RESET, Mode.REFUSE])
async def test_what_is_connected_is_reset(between: Proxy, client: Client, mode: Mode) -> None:
    await between.set(mode)
    with pytest.raises(ConnectionResetError):
        await client.answer()


async def test_a_reset_meets_new_connections_too(between: Proxy) -> None:
    await between.set(Mode.RESET)
    reader, writer = await asyncio.open_connection("127.0.0.1", between.port)
    with pytest.raises(ConnectionResetError):
        await Client(reader, writer).answer()
    writer.transport.abort()


async def test_nobody_listens_and_then_somebody_does_on_the_same_port(between: Proxy) -> None:
    await between.set(Mode.REFUSE)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", between.port)
    await between.set(Mode.PASS)
    reader, writer = await asyncio.open_connection("127.0.0.1", between.port)
    again = Client(reader, writer)
    again.send(b"back\n")
    assert await again.answer() == b"back\n"
    writer.transport.abort()


async def test_a_commit_arrives_and_its_reply_does_not(echo: Echo, between: Proxy, client: Client) -> None:
    await between.set(Mode.DROP_REPLY_OF_COMMIT)
    client.send(b"insert\n")
    assert await client.answer() == b"insert\n"
    client.send(b"COMMIT\n")
    with pytest.raises(ConnectionResetError):
        await client.answer()

    def arrived() -> None:
        assert echo.lines[-1] == b"COMMIT\n"

    await eventually(arrived)
    assert between.dropped == 1


async def test_it_comes_late(between: Proxy, client: Client) -> None:
    await between.set(Mode.DELAY)
    client.send(b"one\n")
    with pytest.raises(TimeoutError):
        await client.answer(0.1)
    assert await client.answer() == b"one\n"
