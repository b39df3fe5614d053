"""Guessing is slowed down, in the same way for everybody, and strangers lock nobody out."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from common.clock import Clock
from common.db.models import Audit, Throttle, table_of
from common.db.session import Database
from common.domain.allowance import Allowance
from common.errors import TooManyRequests
from common.security import passwords
from common.services import throttle
from common.services.throttle import ACCOUNT, ADDRESS, network
from tests.api.conftest import PASSWORD, Api
from tests.api.people import add, client, log_in
from tests.support.world import after

T = table_of(Throttle)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements of the block, without their parameters."""
    done: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        done.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    yield done
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def guess(api: Api, username: str, times: int) -> list[httpx.Response]:
    return [await log_in(api, username, "wrong wrong wrong") for _ in range(times)]


async def wait_for_the_stock(database: Database) -> None:
    """As if hours had passed."""
    async with database.write() as session:
        await session.execute(update(T).values(used_until=after(0)))


@pytest.mark.parametrize("username", ["admin", "nobody"])
async def test_after_some_guesses_one_has_to_wait_whether_there_is_such_a_user_or_not(api: Api, username: str) -> None:
    answers = await guess(api, username, ACCOUNT.stock)
    assert {answer.status_code for answer in answers} == {401}
    answer = await log_in(api, username, "wrong wrong wrong")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= ACCOUNT.every
    assert answer.json()["detail"].startswith("Too many tries.")
    chinese = httpx.Headers({"Accept-Language": "zh-CN"})
    async with client(api) as anonymous:
        body = {"username": username, "password": "wrong wrong wrong"}
        told = (await anonymous.post("/auth/login", json=body, headers=chinese)).json()
    assert "尝试" in told["detail"], told
    await wait_for_the_stock(api.database)
    assert (await log_in(api, username, "wrong wrong wrong")).status_code == 401


async def test_while_one_has_to_wait_the_right_password_is_no_way_out(api: Api) -> None:
    await guess(api, "admin", ACCOUNT.stock)
    assert (await log_in(api)).status_code == 429
    await wait_for_the_stock(api.database)
    assert (await log_in(api)).status_code == 200


async def test_signing_in_rightly_costs_nothing(api: Api) -> None:
    for _ in range(ACCOUNT.stock + 3):
        assert (await log_in(api)).status_code == 200


async def test_one_address_tries_many_accounts_and_has_to_wait_too(api: Api) -> None:
    await guess(api, "a-user", 1)
    async with api.database.write() as session:
        now = await Clock().now(session)
        address = throttle.limit("address", "127.0.0.1", ADDRESS)
        full = now + (ADDRESS.taken(None, now) - now) * ADDRESS.stock
        changed = await session.execute(update(T).where(T.c.key == address.key).values(used_until=full))
        assert changed.rowcount == 1  # type: ignore[attr-defined]
    assert (await log_in(api, "another", "wrong wrong wrong")).status_code == 429


async def test_a_stranger_cannot_lock_out_a_browser_that_signed_in_before(api: Api) -> None:
    async with client(api) as browser:
        form = {"username": "admin", "password": PASSWORD}
        assert (await browser.post("/ui/login", data=form)).status_code == 303
        await guess(api, "admin", ACCOUNT.stock)
        assert (await log_in(api)).status_code == 429
        assert (await browser.post("/ui/login", data=form)).status_code == 303
        # It has an allowance of its own, no free way to guess.
        wrong = [
            (await browser.post("/ui/login", data={**form, "password": "wrong wrong wrong"})).status_code
            for _ in range(throttle.DEVICE.stock + 1)
        ]
        assert wrong == [401] * throttle.DEVICE.stock + [429]
        # And it is no stranger to this account only.
        answer = await browser.post("/ui/login", data={"username": "nobody", "password": "wrong wrong wrong"})
        assert answer.status_code == 401


async def test_the_page_says_so_and_keeps_the_name(api: Api) -> None:
    await guess(api, "admin", ACCOUNT.stock)
    async with client(api) as browser:
        answer = await browser.post("/ui/login", data={"username": "admin", "password": PASSWORD})
    assert answer.status_code == 429
    assert answer.headers["retry-after"]
    assert "Too many tries." in answer.text
    assert 'value="admin"' in answer.text


async def test_a_thousand_guesses_at_once_get_no_further_than_one_after_the_other(database: Database) -> None:
    limits = [throttle.limit("account", "admin", ACCOUNT), throttle.limit("address", "192.0.2.1", ADDRESS)]

    async def one() -> bool:
        try:
            await throttle.take(database, Clock(), limits)
        except TooManyRequests:
            return False
        return True

    got = await asyncio.gather(*(one() for _ in range(60)), return_exceptions=True)
    assert not [each for each in got if isinstance(each, SQLAlchemyError | OSError)], got
    assert got.count(True) == ACCOUNT.stock
    with pytest.raises(TooManyRequests):
        await throttle.take(database, Clock(), limits)


async def test_what_is_full_again_is_forgotten(database: Database) -> None:
    await throttle.take(database, Clock(), [throttle.limit("account", "x", ACCOUNT)])
    async with database.write() as session:
        now = await Clock().now(session)
        await throttle.forget_full(session, now=now)
        assert await session.scalar(select(func.count()).select_from(T)) == 1
        await throttle.forget_full(session, now=ACCOUNT.taken(ACCOUNT.taken(None, now), now))
        assert await session.scalar(select(func.count()).select_from(T)) == 0


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_of_an_ipv6_address_the_network_counts(address: str, counts_as: str) -> None:
    assert network(address) == counts_as


async def test_headers_do_not_change_the_address(api: Api) -> None:
    """Only uvicorn reads X-Forwarded-For, and only of `ROTA_TRUSTED_PROXIES`."""
    body = {"username": "nobody", "password": "wrong wrong wrong"}
    async with client(api) as anonymous:
        for number in range(ACCOUNT.stock + 1):
            forged = {"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for=198.51.100.{number}"}
            answer = await anonymous.post("/auth/login", json=body, headers=forged)
    assert answer.status_code == 429


@pytest.mark.usefixtures("real_passwords")
async def test_unknown_disabled_and_wrong_cost_the_same_work(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the clock but the work is compared: hashes, and statements of the database."""
    await add(api, "gone", is_active=False)
    await add(api, "elsewhere", password_hash="")
    hashes: list[str] = []
    verify = passwords._CONTEXT.verify

    def counted(password: str, stored: str) -> bool:
        hashes.append(stored.rpartition("$")[0].rpartition("$")[0])
        return verify(password, stored)

    monkeypatch.setattr(passwords._CONTEXT, "verify", counted)
    names = ("admin", "nobody", "gone", "elsewhere", "x\x01y")
    for name in names:  # what is tried for the first time gets a row to count in
        await guess(api, name, 1)
    seen = []
    for name in names:
        hashes.clear()
        with statements(api.database) as done:
            answer = await log_in(api, name, "wrong wrong wrong")
        seen.append((answer.status_code, answer.text, tuple(hashes), tuple(done)))
    assert len(set(seen)) == 1, seen
    assert len(seen[0][2]) == 1


async def test_two_hundred_sign_ins_do_not_keep_others_waiting(
    api: Api, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None holds a connection while it waits for its hash: other requests are answered before the first one ends."""
    gate = asyncio.Event()
    held_up = asyncio.Semaphore(0)

    async def held(password: str, stored: str | None) -> bool:
        held_up.release()
        await gate.wait()
        return False

    monkeypatch.setattr(passwords, "verify", held)
    monkeypatch.setattr(throttle, "ADDRESS", Allowance(1000, 1))
    logins = [asyncio.ensure_future(log_in(api, f"user-{number}", "wrong wrong wrong")) for number in range(200)]
    for _ in logins:
        await held_up.acquire()
    health = await api.client.get("/health")
    tasks = await api.client.get("/tasks")
    assert (health.status_code, tasks.status_code) == (200, 200)
    assert not any(login.done() for login in logins)
    gate.set()
    assert {(await login).status_code for login in logins} == {401}


async def test_refused_sign_ins_are_written_down_without_what_was_typed(api: Api) -> None:
    await guess(api, "admin", 1)
    await guess(api, "hunter2-typed-into-the-wrong-field", 1)
    log = table_of(Audit)
    async with api.database.read() as session:
        rows = (await session.execute(select(*log.c).where(log.c.outcome == "refused").order_by(log.c.id))).all()
    assert [(row.action, row.object_name, row.address) for row in rows] == [
        ("signin", "admin", "127.0.0.1"),
        ("signin", "", "127.0.0.1"),
    ]
    assert "hunter2" not in str(rows)
