"""What comes beyond the slots waits in the runner: it is started as they fall free, or given back as it came."""

from pathlib import Path

from tests.support.eventually import eventually
from tests.worker.runner.client import Client, RunnerProcess, sh


def gate(path: Path) -> list[str]:
    """A task that runs until this file is there."""
    return sh(f"while ! test -e {path}; do sleep 0.02; done; echo over")


async def test_no_more_run_than_there_are_slots_and_the_next_begins_without_being_asked(
    client: Client, tmp_path: Path
) -> None:
    await client.may_run(2)
    jobs = [{"id": number, "argv": gate(tmp_path / str(number))} for number in range(1, 6)]
    await client.start(*jobs)
    await client.begun(1)
    await client.begun(2)
    (tmp_path / "2").touch()
    await client.result(2)
    await client.begun(3)
    assert set(client.started) == {(1, 1), (2, 1), (3, 1)}
    for number in range(1, 6):
        (tmp_path / str(number)).touch()
    for number in range(1, 6):
        assert (await client.result(number))["outcome"] == "exited"
    ended = sorted((result["started_at"], result["finished_at"]) for result in client.results.values())
    for began, _ in ended:
        assert sum(start <= began < end for start, end in ended) <= 2


async def test_what_waits_is_given_back_and_may_come_again(
    runner: RunnerProcess, client: Client, tmp_path: Path
) -> None:
    await client.may_run(1)
    await client.start(*({"id": number, "argv": gate(tmp_path / "go")} for number in range(1, 4)))
    await client.begun(1)
    await client.say({"op": "recall"})

    def came_back() -> None:
        assert client.returned == [(2, 1), (3, 1)]

    await eventually(came_back)
    # It has left no mark: a successor takes it for nothing that was begun.
    await runner.kill()
    await runner.launch()
    successor = await runner.client()
    assert (successor.running | set(map(tuple, successor.hello["unacked"]))) == {(1, 1)}
    (tmp_path / "go").touch()
    await successor.start({"id": 2, "argv": gate(tmp_path / "go")})
    assert (await successor.result(2))["outcome"] == "exited"


async def test_what_waits_can_be_stopped_and_makes_room_for_nobody(client: Client, tmp_path: Path) -> None:
    await client.may_run(1)
    await client.start(*({"id": number, "argv": gate(tmp_path / "go")} for number in range(1, 4)))
    await client.begun(1)
    await client.stop(2)
    stopped = await client.result(2)
    assert (stopped["outcome"], stopped["pid"]) == ("cancelled", None)
    (tmp_path / "go").touch()
    assert (await client.result(1))["outcome"] == (await client.result(3))["outcome"] == "exited"
    await client.say({"op": "recall"})
    assert client.returned == []


async def test_a_program_that_is_missing_takes_no_slot(client: Client) -> None:
    await client.may_run(1)
    await client.start(*({"id": number, "argv": ["/no/such/program"]} for number in range(1, 7)))
    for number in range(1, 7):
        assert (await client.result(number))["outcome"] == "spawn_error"


async def test_a_worker_with_more_slots_has_more_started(client: Client, tmp_path: Path) -> None:
    await client.may_run(1)
    await client.start(*({"id": number, "argv": gate(tmp_path / "go")} for number in range(1, 4)))
    await client.begun(1)
    await client.may_run(3)
    await client.begun(2)
    await client.begun(3)
    (tmp_path / "go").touch()
