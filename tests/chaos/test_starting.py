"""A process that is started while the database is away waits for it."""

import asyncio
import signal
import subprocess
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from common.process import outlast
from tests.support.eventually import eventually
from tests.support.interleave import on_servers
from tests.support.proxy import Mode, proxy
from tests.support.rota_process import started


@on_servers
@pytest.mark.process
@pytest.mark.parametrize("program", ["scheduler", "worker"])
async def test_it_comes_up_when_the_database_does(database_url: str, tmp_path: Path, program: str) -> None:
    url = make_url(database_url)
    async with proxy(url.host or "", url.port or 0) as between:
        await between.set(Mode.REFUSE)
        through = url.set(port=between.port).render_as_string(hide_password=False)
        with started(tmp_path, program, database_url=through) as process:

            def says(what: str) -> None:
                assert process.poll() is None
                assert what in (tmp_path / "rota.log").read_text()

            await eventually(lambda: says("database away"))
            await between.set(Mode.PASS)
            await eventually(lambda: says(f"{program} started"))
            # Here and not at the end of `with`, which would hold up the proxy that it needs for its farewell.
            process.send_signal(signal.SIGINT)
            await eventually(lambda: ended(process))


def ended(process: "subprocess.Popen[bytes]") -> None:
    assert process.poll() == 0


class TestOutlast:
    async def test_it_tries_until_the_database_is_there(self) -> None:
        answers = [ConnectionRefusedError(), ConnectionResetError(), None]

        async def work() -> str:
            if error := answers.pop(0):
                raise error
            return "done"

        assert await outlast(work, asyncio.Event()) == "done"

    async def test_another_error_is_raised_at_once(self) -> None:
        async def work() -> None:
            raise ValueError("other")

        with pytest.raises(ValueError, match="other"):
            await outlast(work, asyncio.Event())

    async def test_it_gives_up_when_told_to_stop(self) -> None:
        stop = asyncio.Event()

        async def work() -> str:
            stop.set()
            raise ConnectionRefusedError

        assert await outlast(work, stop) is None
