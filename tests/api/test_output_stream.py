"""Output as server-sent events: what comes, from where it goes on, and when it ends."""

import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any, cast

import pytest
from fastapi import FastAPI

from api.live import MOST_STREAMS
from api.output_stream import BATCH, Lines, place_of
from common.clock import Clock
from common.domain.states import Status
from tests.api.conftest import Api
from tests.support import world
from tests.support.interleave import one_engine


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.following.LOOK", 0.01)


async def running(api: Api, **values: Any) -> int:
    """An execution that runs; nobody has it."""
    task = await api.task()
    given: dict[str, Any] = {"status": "running", "token": 1, "worker_id": "wei"} | values
    return (await world.add_executions(api.database, task["id"], **given))[0]


def follow(app: FastAPI, execution: int, after: str = "") -> AsyncIterator[bytes]:
    """The events that a client gets which was at `after`."""
    lines = Lines(app.state.database, Clock(), app.state.live, 1, execution, 1, place_of(after, 1))
    return cast(AsyncIterator[bytes], lines.response().body_iterator)


def read(event: bytes) -> tuple[str, Any, str]:
    """Its name, its data, its id."""
    fields = dict(line.partition(": ")[::2] for line in event.decode().split("\n") if line and line[0] != ":")
    return fields.get("event", ""), json.loads(fields.get("data", "null")), fields.get("id", "")


async def test_lines_come_when_they_are_finished_and_the_end_with_its_state(app: FastAPI, api: Api) -> None:
    execution = await running(api)
    await world.add_piece(api.database, execution, 1, b"a\nb", seq=1)
    stream = follow(app, execution)
    assert (await anext(stream)).startswith(b": here\nretry: ")
    first = {"number": 1, "stream": "stdout", "text": "a"}
    assert read(await anext(stream)) == ("lines", {"attempt": 1, "lines": [first]}, "1-1-0")
    await world.add_piece(api.database, execution, 1, b"c\xff\0\n", seq=2)
    second = {"number": 2, "stream": "stdout", "text": "bc\ufffd\u2400"}
    assert read(await anext(stream)) == ("lines", {"attempt": 1, "lines": [second]}, "1-2-0")
    await world.add_piece(api.database, execution, 1, b"open", seq=3)
    await world.change(api.database, execution, status=Status.FAILED)
    third = {"number": 3, "stream": "stdout", "text": "open"}
    assert read(await anext(stream)) == ("lines", {"attempt": 1, "lines": [third]}, "1-3-0")
    assert read(await anext(stream)) == ("end", {"attempt": 1, "status": "failed"}, "")
    assert [event async for event in stream] == []


@one_engine
async def test_it_goes_on_where_a_client_was_in_text_as_well_as_in_pieces(app: FastAPI, api: Api) -> None:
    values = {"status": "success", "stdout": "a\nb\n", "stderr": "x\ny"}
    execution = await running(api, **values)
    for after, left in (
        ("", ["a", "b", "x", "y"]),
        ("1-1-1", ["b", "y"]),
        ("1-2-2", []),
        ("2-2-2", ["a", "b", "x", "y"]),
    ):
        events = [read(event) async for event in follow(app, execution, after)]
        assert [line["text"] for name, data, _ in events if name == "lines" for line in data["lines"]] == left, after
        assert events[-1] == ("end", {"attempt": 1, "status": "success"}, "")


@one_engine
async def test_much_comes_in_events_of_moderate_size(app: FastAPI, api: Api) -> None:
    text = "".join(f"{number}\n" for number in range(2 * BATCH + 5))
    execution = await running(api, status="success", stdout=text)
    events = [read(event) async for event in follow(app, execution)]
    sizes = [len(data["lines"]) for name, data, _ in events if name == "lines"]
    assert sizes == [BATCH, BATCH, 5]
    assert [line["number"] for name, data, _ in events if name == "lines" for line in data["lines"]] == list(
        range(1, 2 * BATCH + 6)
    )


@one_engine
async def test_who_has_enough_streams_is_told_and_what_is_not_there_is_not(app: FastAPI, api: Api) -> None:
    execution = await running(api, status="success")
    path = f"/executions/{execution}/output/stream"
    for nonsense in ("", "x", "1-2", "1-2-3-4", "９-1-1"):
        answer = await api.client.get(path, headers=[(b"last-event-id", nonsense.encode())])
        assert answer.text.endswith('event: end\ndata: {"attempt":1,"status":"success"}\n\n'), nonsense
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (await api.client.get("/executions/987654321/output/stream")).status_code == 404
    user = (await api.get("/auth/me"))["id"]
    with ExitStack() as stack:
        for _ in range(MOST_STREAMS):
            stack.enter_context(app.state.live.taking(user))
        refused = await api.client.get(path)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    assert (await api.client.get(path)).status_code == 200
