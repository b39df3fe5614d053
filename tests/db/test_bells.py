"""Bells: what one process of a machine writes, the others hear of at once."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from common.db.bells import Bells
from common.db.session import Database, WriteSession
from common.db.wakeup import Topic, Wakeup, notify
from tests.support.eventually import eventually


async def test_everybody_who_listens_hears(tmp_path: Path) -> None:
    heard: list[tuple[str, list[str]]] = []
    mine, theirs = Bells(tmp_path / "bells"), Bells(tmp_path / "bells")
    with mine.listening(lambda words: heard.append(("a", words))), theirs.listening(lambda w: heard.append(("b", w))):
        mine.ring({"queue", "cancel"})
        await eventually(lambda: _holds(heard, {("a", "cancel,queue"), ("b", "cancel,queue")}))
    assert os.listdir(tmp_path / "bells") == []
    mine.close()
    theirs.close()


async def test_the_bell_of_one_who_died_goes_with_the_next_ring(tmp_path: Path) -> None:
    bells = Bells(tmp_path)
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    os.chdir(tmp_path)
    try:
        dead.bind("dead")
    finally:
        os.chdir("/")
    dead.close()
    assert os.listdir(tmp_path) == ["dead"]
    bells.ring({"queue"})
    assert os.listdir(tmp_path) == []
    bells.close()


async def test_one_who_does_not_listen_holds_up_nobody(tmp_path: Path) -> None:
    bells, heard = Bells(tmp_path), list[list[str]]()
    with bells.listening(heard.append):
        for _ in range(1_000):  # far more than the system keeps for one socket
            bells.ring({"queue"})
        await eventually(lambda: _heard(heard))
    assert len(heard) < 1_000
    bells.close()


async def test_nothing_fails_where_there_can_be_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bells = Bells(tmp_path / "file" / "bells")
    bells.ring({"queue"})
    with bells.listening(lambda words: None):
        pass
    bells.close()


async def test_a_folder_with_a_long_name(tmp_path: Path) -> None:
    bells, heard = Bells(tmp_path / ("long" * 40)), list[list[str]]()
    with bells.listening(heard.append):
        bells.ring({"queue"})
        await eventually(lambda: _heard(heard))
    bells.close()


@pytest.mark.parametrize("database_kind", ["sqlite", "mysql"])
async def test_a_commit_rings_and_a_rollback_does_not(database: Database, database_url: str, tmp_path: Path) -> None:
    writer = Database(database_url, bells=Bells(tmp_path))
    rings: list[list[str]] = []
    with Bells(tmp_path).listening(rings.append):
        with pytest.raises(RuntimeError):
            await writer.transact(_regret)
        async with writer.write() as session:
            await notify(session, Topic.QUEUE)
        assert not rings, "the first was never committed"
        await eventually(lambda: _holds([("", ring) for ring in rings], {("", "queue")}))
    await writer.dispose()


@pytest.mark.parametrize("database_kind", ["mysql"])
async def test_where_the_database_tells_nothing_the_bell_wakes(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    writer, woken, stop = Database(database_url, bells=Bells(tmp_path)), asyncio.Event(), asyncio.Event()
    other = asyncio.Event()
    hints = {Topic.QUEUE: [woken], Topic.CANCEL: [other]}
    listening = asyncio.ensure_future(Wakeup(database_url, hints, bells=Bells(tmp_path)).run(stop))
    await eventually(lambda: _there(tmp_path))
    async with writer.write() as session:
        await notify(session, Topic.QUEUE, Topic.ENDED)
    async with asyncio.timeout(60):
        await woken.wait()
    assert not other.is_set()
    stop.set()
    await listening
    await writer.dispose()


async def _regret(session: WriteSession) -> None:
    await notify(session, Topic.CANCEL)
    raise RuntimeError("no")


async def _holds(heard: list[tuple[str, list[str]]], expected: set[tuple[str, str]]) -> None:
    assert {(who, ",".join(words)) for who, words in heard} == expected


async def _heard(heard: list[list[str]]) -> None:
    assert {tuple(words) for words in heard} == {("queue",)}


async def _there(folder: Path) -> None:
    assert os.listdir(folder)
