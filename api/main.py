"""The web server process: brings the database up to date, says how to sign in, serves."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from api.app import create_app
from api.welcome import first_sign_in, welcome
from common.config import Settings
from common.db.schema import ensure_schema
from common.process import run_all, stop_on_signals, stop_with_parent


async def main(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Serve until told to stop. asyncio's own loop: uvloop breaks aiomysql's pings and gains nothing here."""
    stop = stop or asyncio.Event()
    stop_on_signals(stop)
    app = create_app(settings)
    await ensure_schema(app.state.database, settings.url)
    link = await first_sign_in(settings, app.state.database)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="asyncio",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        # Open event streams would keep the server up for ever.
        timeout_graceful_shutdown=5,
    )
    server = Server(config, lambda: print(welcome(settings, link), flush=True))  # noqa: T201

    async def until_told() -> None:
        await stop.wait()
        app.state.live.close()
        server.should_exit = True

    async def serve() -> None:
        try:
            await server.serve()
        finally:
            stop.set()

    await run_all(stop, serve(), until_told(), stop_with_parent(stop))


class Server(uvicorn.Server):
    """uvicorn that leaves signals alone (`stop` is the one way to end a process of Rota) and says when it serves."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing to capture; `stop_on_signals` does it."""
        yield
