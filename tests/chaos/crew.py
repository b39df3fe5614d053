"""Everybody who is at work in a run: schedulers and workers, each with a proxy of its own before the database."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import make_url

from common.process import pause
from tests.chaos.members import Member
from tests.support.history import Violation
from tests.support.proxy import Mode, Proxy

#: Seconds for things to happen on a machine that has others to do.
PATIENCE = 180.0
_AN_END = 60.0


@dataclass
class Crew:
    """`settings` are given to every process; `findings` is what it did by itself and should not have done."""

    folder: Path
    url: str
    settings: Mapping[str, str]
    program: tuple[str, ...] = ("rota",)
    members: list[Member] = field(default_factory=list)
    proxies: list[Proxy] = field(default_factory=list)
    findings: list[Violation] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def at_work(self, *, schedulers: int, workers: int) -> AsyncIterator[None]:
        """Start them, wait until all have come up, watch them; at the end they are told to stop."""
        watching: asyncio.Task[None] | None = None
        try:
            for role, count in (("scheduler", schedulers), ("worker", workers)):
                for number in range(count):
                    await self._add(role, number)
            watching = asyncio.ensure_future(self._watch())
            async with asyncio.timeout(PATIENCE):
                while not all(member.works for member in self.members):
                    await pause(0.05)
            yield
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
            await self._dismiss()

    def of(self, role: str) -> list[Member]:
        """The schedulers, or the workers."""
        return [member for member in self.members if member.role == role]

    async def stop(self, member: Member) -> None:
        """Ask one to stop, and wait for it."""
        member.send(signal.SIGTERM)
        if not await member.ended(_AN_END):
            self.findings.append(Violation("stuck", f"{member.name} does not stop:\n{member.tail()}"))
            member.send(signal.SIGKILL)

    async def heal(self) -> None:
        """Let every connection through and everybody go on."""
        for proxy in self.proxies:
            await proxy.set(Mode.PASS)
        for member in self.members:
            member.send(signal.SIGCONT)

    async def _add(self, role: str, number: int) -> None:
        url = make_url(self.url)
        proxy = None
        if url.host is not None and url.port is not None:
            proxy = Proxy(url.host, url.port)
            self.proxies.append(proxy)
            await proxy.start()
            url = url.set(port=proxy.port)
        settings = {"ROTA_DATABASE_URL": url.render_as_string(hide_password=False), **self.settings}
        member = Member(f"{role}{number}", role, self.folder, settings, proxy, self.program)
        self.members.append(member)
        member.start()

    async def _watch(self) -> None:
        """A process that ends by itself is started again, as a supervisor would, and is a finding."""
        while True:
            for member in self.members:
                if not member.busy and not member.alive:
                    if not member.expected:
                        said = f"{member.name} ended with {member.process.returncode}:\n{member.tail()}"
                        self.findings.append(Violation("died", said))
                    member.start()
            await pause(0.1)

    async def _dismiss(self) -> None:
        await self.heal()
        await asyncio.gather(*(self.stop(member) for member in self.members))
        for proxy in self.proxies:
            await proxy.close()
