"""Lists of executions by time: in the order in which they were due, whenever they were written."""

from datetime import timedelta
from typing import Any

from common.domain.states import Status
from tests.api.conftest import Api
from tests.api.test_ledger import MINUTE, daily, write


async def _shown(api: Api, **params: Any) -> list[int]:
    page = await api.get("/executions", **params)
    assert page["total"] >= len(page["items"])
    return [item["id"] for item in page["items"]]


async def test_what_was_due_within_a_time_is_listed_in_that_order(api: Api) -> None:
    task, last = await daily(api)
    dues = [last - minutes * MINUTE for minutes in (50, 40, 30, 20, 45)]  # the last one was written late
    for due in dues:
        await write(api, task, due, Status.MISSED if due == dues[0] else Status.SUCCESS)
    first, second, third, fourth, late = ids = sorted(await _shown(api))
    assert await _shown(api) == ids[::-1]
    assert await _shown(api, until=dues[2].isoformat()) == [third, second, late, first]
    assert await _shown(api, since=dues[4].isoformat()) == [fourth, third, second, late]
    assert await _shown(api, since=dues[4].isoformat(), until=dues[1].isoformat()) == [second, late]
    assert await _shown(api, since=(last - timedelta(days=9)).isoformat(), status="success", page_size=2, page=2) == [
        second,
        late,
    ]
    assert await _shown(api, until=dues[3].isoformat(), before=second) == [late, first]
    assert await _shown(api, until=dues[3].isoformat(), before=late) == [first]
    assert await _shown(api, since=dues[0].isoformat(), before=third, page_size=1) == [second]
    # One that is deleted by now cannot say when it was due.
    assert await _shown(api, until=last.isoformat(), before=late + 1) == [fourth, third, second, late, first]
    assert (await api.get(f"/tasks/{task}/executions", until=dues[1].isoformat()))["total"] == 3
    assert await _shown(api, until=(last - timedelta(days=9)).isoformat()) == []


async def test_those_of_the_same_instant_come_one_after_the_other(api: Api) -> None:
    due = None
    for number in range(3):
        task, last = await daily(api, name=f"job {number}")
        due = due or last
        await write(api, task, due, Status.SUCCESS)
    assert due is not None
    ids = await _shown(api, until=due.isoformat())
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3
    assert await _shown(api, until=due.isoformat(), before=ids[0], page_size=1) == [ids[1]]
    assert await _shown(api, until=due.isoformat(), before=ids[2]) == []
