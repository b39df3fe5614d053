"""Lists of executions by time: in the order in which they were due, whenever they were written."""

from datetime import timedelta
from typing import Any

from common.domain.states import Status
from tests.api import people
from tests.api.conftest import Api
from tests.support import world
from tests.support.world import DUE

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


async def _shown(api: Api, **params: Any) -> list[int]:
    page = await api.get("/executions", **params)
    assert page["total"] >= len(page["items"])
    return [item["id"] for item in page["items"]]


async def test_what_was_due_within_a_time_is_listed_in_that_order(api: Api) -> None:
    task = (await api.task())["id"]
    dues = [DUE - minutes * MINUTE for minutes in (50, 40, 30, 20, 45)]  # the last one was written late
    for due in dues:
        status = Status.MISSED if due == dues[0] else Status.SUCCESS
        await world.add_executions(api.database, task, scheduled_for=due, status=status)
    first, second, third, fourth, late = ids = sorted(await _shown(api))
    assert await _shown(api) == ids[::-1]
    assert await _shown(api, until=dues[2].isoformat()) == [third, second, late, first]
    assert await _shown(api, since=dues[4].isoformat()) == [fourth, third, second, late]
    assert await _shown(api, since=dues[4].isoformat(), until=dues[1].isoformat()) == [second, late]
    page = {"status": "success", "page_size": 2, "page": 2}
    assert await _shown(api, since=(DUE - 9 * DAY).isoformat(), **page) == [second, late]
    assert await _shown(api, until=dues[3].isoformat(), before=second) == [late, first]
    assert await _shown(api, until=dues[3].isoformat(), before=late) == [first]
    assert await _shown(api, since=dues[0].isoformat(), before=third, page_size=1) == [second]
    # One that is deleted by now cannot say when it was due.
    assert await _shown(api, until=DUE.isoformat(), before=late + 1) == [fourth, third, second, late, first]
    assert (await api.get(f"/tasks/{task}/executions", until=dues[1].isoformat()))["total"] == 3
    assert await _shown(api, until=(DUE - 9 * DAY).isoformat()) == []


async def test_those_of_the_same_instant_come_one_after_the_other(api: Api) -> None:
    for number in range(3):
        task = await api.task(name=f"job {number}")
        await world.add_executions(api.database, task["id"], scheduled_for=DUE)
    ids = await _shown(api, until=DUE.isoformat())
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3
    assert await _shown(api, until=DUE.isoformat(), before=ids[0], page_size=1) == [ids[1]]
    assert await _shown(api, until=DUE.isoformat(), before=ids[2]) == []


async def test_when_anothers_was_due_is_not_told_by_what_comes_after_it(api: Api) -> None:
    await people.add(api, "bo", "operator")
    async with people.signed_in(api, "bo") as bo:
        mine = (await bo.task(name="mine"))["id"]
        theirs = (await api.task(name="theirs"))["id"]
        ids = []
        for minutes in (30, 20, 10):
            ids += await world.add_executions(api.database, mine, scheduled_for=DUE - minutes * MINUTE)
        (foreign,) = await world.add_executions(api.database, theirs, scheduled_for=DUE - 15 * MINUTE)
        assert await _shown(api, until=DUE.isoformat(), before=foreign) == [ids[1], ids[0]]
        assert await _shown(bo, until=DUE.isoformat(), before=foreign) == ids[::-1]
        assert await _shown(bo, until=DUE.isoformat(), before=foreign + 1) == ids[::-1]
