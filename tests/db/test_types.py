"""What goes into a column comes out of it, the same on every database."""

import asyncio
import hashlib
import os
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError

from common.clock import Clock
from common.db.bulk import insert_ignore
from common.db.session import Database
from tests.support import world
from tests.support.eventually import eventually
from tests.support.world import NOW, E, P, T, after

INSTANTS = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 6, 1, 3, 4, 5, 678_901, tzinfo=timezone(timedelta(hours=2))),
    datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
    datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
    datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
    datetime(2027, 1, 1, 5, 45, 0, 5, tzinfo=ZoneInfo("Asia/Kathmandu")),
    datetime(9999, 12, 30, tzinfo=UTC),
]
TEXT = "任务 «ünïcode» 🎉👩‍👩‍👧‍👦 \u0000"[:-1] + " 'quotes\" \\ back\nslash %s {x} :y"


class TestInstants:
    async def test_they_come_back_as_the_same_instant_in_utc_to_the_microsecond(self, database: Database) -> None:
        task = await world.add_task(database)
        for instant in INSTANTS:
            (id_,) = await world.add_executions(database, task, scheduled_for=instant)
            found = (await world.execution(database, id_)).scheduled_for
            assert (found, found.tzinfo) == (instant.astimezone(UTC), UTC)

    async def test_they_sort_and_compare_as_time_does_whatever_zone_they_were_written_in(
        self, database: Database
    ) -> None:
        task = await world.add_task(database)
        for instant in reversed(INSTANTS):
            await world.add_executions(database, task, scheduled_for=instant)
        expected = sorted(instant.astimezone(UTC) for instant in INSTANTS)
        assert [row.scheduled_for for row in await world.executions(database)] == expected
        for pivot in INSTANTS:
            async with database.read() as session:
                found = await session.scalars(select(E.c.scheduled_for).where(E.c.scheduled_for < pivot))
            assert sorted(found) == [instant for instant in expected if instant < pivot]

    async def test_one_without_a_zone_is_refused(self, database: Database) -> None:
        task = await world.add_task(database)
        with pytest.raises(StatementError, match="naive datetime"):
            await world.add_executions(database, task, scheduled_for=datetime(2026, 1, 1))  # noqa: DTZ001
        async with database.read() as session:
            with pytest.raises(StatementError, match="naive datetime"):
                await session.scalars(select(E.c.id).where(E.c.available_at < datetime(2026, 1, 1)))  # noqa: DTZ001

    async def test_none_stays_none(self, database: Database) -> None:
        (id_,) = await world.add_executions(database, await world.add_task(database))
        assert (await world.execution(database, id_)).started_at is None


class TestTheClockOfTheDatabase:
    async def test_it_is_the_real_time_in_utc(self, database: Database) -> None:
        """The servers of the tests have their time zone eight hours off."""
        clock = Clock()
        async with database.read() as session:
            before, now, later = clock.local(), await clock.now(session), clock.local()
        assert now.tzinfo is UTC
        assert before - timedelta(seconds=1) < now < later + timedelta(seconds=1)

    async def test_it_goes_on_within_a_transaction(self, database: Database) -> None:
        async with database.write() as session:
            began = await Clock().now(session)

            async def has_moved() -> None:
                assert await Clock().now(session) > began

            await eventually(has_moved)

    async def test_what_it_says_can_be_stored_and_compared(self, database: Database) -> None:
        async with database.write() as session:
            now = await Clock().now(session)
        (id_,) = await world.add_executions(database, await world.add_task(database), available_at=now)
        assert (await world.execution(database, id_)).available_at == now
        assert len(await world.claim(database, now=now)) == 1


class TestText:
    async def test_any_characters_come_back_and_as_many_as_one_likes(self, database: Database) -> None:
        task = await world.add_task(database, name=TEXT, command=TEXT * 3000, description=TEXT)
        async with database.read() as session:
            row = (await session.execute(select(T.c.name, T.c.command, T.c.description))).one()
        assert tuple(row) == (TEXT, TEXT * 3000, TEXT)
        async with database.read() as session:
            assert await session.scalar(select(T.c.id).where(T.c.name == TEXT)) == task

    async def test_output_longer_than_64_kib_comes_back(self, database: Database) -> None:
        output = "行🎉\n" * 200_000
        (id_,) = await world.add_executions(database, await world.add_task(database))
        await world.change(database, id_, stdout=output, stderr=output[:70_000], error="e" * 70_000)
        row = await world.execution(database, id_)
        assert row.stdout == output
        assert (row.stderr, len(row.error)) == (output[:70_000], 70_000)

    async def test_keys_are_compared_byte_by_byte(self, database: Database) -> None:
        task = await world.add_task(database)
        keys = ["m:a", "m:A", "m:ä", "m:a\u0308", "m:ａ", "m:ss", "m:ß", "m:🎉", "m:🎊"]
        for key in keys:
            await world.add_executions(database, task, fire_key=key)
        assert sorted(row.fire_key for row in await world.executions(database)) == sorted(keys)
        async with database.read() as session:
            assert list(await session.scalars(select(E.c.fire_key).where(E.c.fire_key == "m:A"))) == ["m:A"]

    async def test_a_queue_named_in_capitals_is_another_queue(self, database: Database) -> None:
        await world.add_executions(database, await world.add_task(database), queue="GPU")
        assert await world.claim(database, queues=["gpu"]) == []
        assert len(await world.claim(database, queues=["GPU"])) == 1


class TestJson:
    async def test_it_comes_back_as_it_was_and_may_be_larger_than_64_kib(self, database: Database) -> None:
        spec = {
            "env": {"名字": TEXT, "EMPTY": ""} | {f"V{n}": "值" * 1000 for n in range(100)},
            "args": ["一", "🎉", ""],
            "cwd": None,
            "n": [1, -2.5, 2**40, True, {}],
        }
        await world.add_task(database, spec=spec, tags=["夜间", "🎉", "a"])
        async with database.read() as session:
            row = (await session.execute(select(T.c.spec, T.c.tags))).one()
        assert (row.spec, row.tags) == (spec, ["夜间", "🎉", "a"])


class TestBytes:
    async def test_every_byte_comes_back(self, database: Database) -> None:
        data = bytes(range(256)) * 3 + b"\xff\xfe\x00'\"\\%s"
        await world.add_piece(database, 1, 1, data)
        assert [piece.data for piece in await world.pieces(database, 1)] == [data]

    async def test_a_piece_may_have_four_mebibytes(self, database: Database) -> None:
        """Eight do not fit MariaDB's packet of sixteen: PyMySQL sends bytes as hexadecimal digits."""
        data = os.urandom(4 << 20)
        await world.add_piece(database, 1, 1, data)
        (piece,) = await world.pieces(database, 1)
        assert hashlib.sha256(piece.data).digest() == hashlib.sha256(data).digest()


class TestInsertingTwice:
    async def test_the_first_row_stays_and_the_others_of_the_batch_go_in(self, database: Database) -> None:
        def piece(seq: int, data: bytes) -> dict[str, object]:
            return {"execution_id": 1, "token": 1, "seq": seq, "stream": "o", "at": 0.0, "data": data}

        async with database.write() as session:
            await insert_ignore(session, P, [piece(1, b"a"), piece(3, b"c")])
            await insert_ignore(session, P, [piece(1, b"x"), piece(2, b"b"), piece(3, b"z"), piece(4, b"d")])
        assert [row.data for row in await world.pieces(database, 1)] == [b"a", b"b", b"c", b"d"]

    async def test_a_bad_value_is_not_passed_over_as_a_duplicate_would_be(self, database: Database) -> None:
        async with database.read() as session:
            columns = {"execution_id": 1, "token": 1, "seq": 1, "stream": "o", "at": 0.0, "data": None}
            with pytest.raises(Exception, match=r"(?i)null"):
                await insert_ignore(session, P, [columns])

    async def test_two_at_the_same_time_make_one_row(self, database: Database, elsewhere: Database) -> None:
        values = {"execution_id": 1, "token": 1, "seq": 1, "stream": "o", "at": 0.0, "data": b"a"}

        async def insert_it(which: Database) -> None:
            async with which.write() as session:
                await insert_ignore(session, P, [values])

        await asyncio.gather(*(insert_it(which) for which in (database, elsewhere) * 5))
        assert len(await world.pieces(database, 1)) == 1


async def test_ids_of_deleted_rows_are_not_given_again(database: Database) -> None:
    first = await world.add_task(database)
    async with database.write() as session:
        await session.execute(T.delete())
    assert await world.add_task(database) > first


async def test_numbers_beyond_32_bits_fit_where_bytes_and_ids_are_counted(database: Database) -> None:
    (id_,) = await world.add_executions(database, await world.add_task(database))
    await world.change(database, id_, stdout_bytes=2**40, peak_memory=2**40, schedule_id=2**40, cpu_seconds=1 / 3)
    row = await world.execution(database, id_)
    assert (row.stdout_bytes, row.peak_memory, row.schedule_id, row.cpu_seconds) == (2**40, 2**40, 2**40, 1 / 3)


async def test_an_owner_who_is_deleted_leaves_the_task_without_one(database: Database) -> None:
    users = T.metadata.tables["users"]
    values = {"username": "li", "username_key": "li", "password_hash": "x", "role": "editor", "is_active": True}
    async with database.write() as session:
        await session.execute(insert(users).values(id=7, created_at=NOW, **values))
    task = await world.add_task(database, owner_id=7)
    schedule = await world.add_schedule(database, task)
    async with database.write() as session:
        await session.execute(users.delete())
    async with database.read() as session:
        assert await session.scalar(select(T.c.owner_id).where(T.c.id == task)) is None
    async with database.write() as session:
        await session.execute(T.delete())
    async with database.read() as session:
        assert await session.scalar(select(world.S.c.id).where(world.S.c.id == schedule)) is None


async def test_a_read_sees_nothing_of_a_transaction_that_is_not_over(database: Database) -> None:
    (id_,) = await world.add_executions(database, await world.add_task(database))
    async with database.write() as session:
        await session.execute(E.update().values(priority=7, available_at=after(1)))
        assert (await world.execution(database, id_)).priority == 50
    assert (await world.execution(database, id_)).priority == 7
