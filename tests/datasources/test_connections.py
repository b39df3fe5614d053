"""Connections to real servers: reading in pieces, changing nothing, ending on the server, what may not be reached."""

import threading
from pathlib import Path
from typing import Any

import pytest

from common.datasources import guard
from common.datasources.connection import connect, engine
from common.datasources.guard import Own, Rules
from common.datasources.problems import Problem
from common.datasources.source import Source
from common.errors import DomainError
from common.net.addresses import NotAllowed, Unresolvable
from tests.support.eventually import eventually_sync
from tests.support.shop import ORDERS, Shop

SLEEP = {
    "postgresql": "SELECT pg_sleep(60)",
    "mysql": "SELECT sleep(60)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
}
RUNNING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%' AND state = 'active'"
    " AND datname = current_database()",
    "mysql": "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT sleep(60)%'"
    " AND db = database()",
}


def source(shop: Shop, **more: Any) -> Source:
    return Source(**shop.values(**more))


def rules(shop: Shop) -> Rules:
    return Rules(Own("none"), folders=(str(Path(str(shop.url.database)).parent),) if shop.kind == "sqlite" else ())


def running(shop: Shop) -> int:
    return int(shop.rows(RUNNING[shop.kind])[0][0])


def test_nothing_is_said_beside_when_there_is_no_password(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    wrong = ""
    try:
        connect(source(shop, password=""), rules(shop)).close()
    except Problem as problem:
        wrong = problem.kind
    assert wrong == ("" if shop.kind == "sqlite" else "password")
    assert capfd.readouterr() == ("", "")


def test_rows_come_in_pieces_and_values_are_bound(shop: Shop) -> None:
    with connect(source(shop), rules(shop)) as connection:
        query = "SELECT id, remark FROM orders WHERE id >= :first AND remark <> '50 % :first' ORDER BY id"
        with connection.stream(query, {"first": ORDERS[3][0]}, size=10) as stream:
            assert stream.columns == ["id", "remark"]
            pieces = list(stream)
        assert [len(piece) for piece in pieces[:-1]] == [10] * (len(pieces) - 1)
        assert sum(map(len, pieces)) == sum(1 for row in ORDERS[3:] if row[5] is not None)
        assert tuple(pieces[0][0]) == (ORDERS[3][0], "急件 🚀")
        with connection.stream("SELECT id FROM orders WHERE 1 = 0") as nothing:
            assert (nothing.columns, list(nothing)) == (["id"], [])
        connection.begin()
        connection.execute("UPDATE products SET name = :name WHERE id = 1", {"name": "'; DROP TABLE orders; --"})
        with connection.stream("SELECT name FROM products WHERE id = 1") as stream:
            assert [tuple(row) for row in next(iter(stream))] == [("'; DROP TABLE orders; --",)]
        connection.rollback()
        assert connection.version()
    assert shop.rows("SELECT name FROM products WHERE id = 1") == [("龙井茶",)]
    with engine(source(shop), rules(shop)).connect() as sql:
        assert len(sql.exec_driver_sql("SELECT id FROM orders").all()) == len(ORDERS)


def test_what_is_read_only_changes_nothing(shop: Shop) -> None:
    with connect(source(shop), rules(shop), read_only=True) as connection:
        for in_transaction in (False, True):
            if in_transaction:
                connection.begin()
            with pytest.raises(Exception, match=r"(?i)read.?only"):
                connection.execute("DELETE FROM order_items")
    assert shop.rows("SELECT count(*) FROM order_items") != [(0,)]


def test_a_statement_is_ended_on_the_server_from_outside(shop: Shop) -> None:
    ended: list[Exception | None] = []
    with connect(source(shop), rules(shop)) as connection:

        def wait() -> None:
            try:
                connection.execute(SLEEP[shop.kind]).fetchall()
            except Exception as error:
                ended.append(error)
            else:
                ended.append(None)

        thread = threading.Thread(target=wait)
        thread.start()
        if shop.kind in RUNNING:
            eventually_sync(lambda: _is(running(shop), 1))
        else:
            thread.join(0.3)
        connection.cancel()
        thread.join(30)
        assert len(ended) == 1
    if shop.kind in RUNNING:
        eventually_sync(lambda: _is(running(shop), 0))


def _is(found: int, wanted: int) -> None:
    assert found == wanted


def test_a_time_is_kept_by_the_server(shop: Shop) -> None:
    if shop.kind == "sqlite":
        return
    with (
        connect(source(shop), rules(shop), statement_timeout=0.5) as connection,
        pytest.raises(Exception, match=r"(?i)timeout|max_statement_time|interrupted"),
    ):
        connection.execute(SLEEP[shop.kind].replace("sleep(60)", "sleep(61)")).fetchall()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"password": "wrong"}, "password"),
        ({"database": "no_such_db"}, "database"),
        ({"port": 1}, "port"),
        ({"tls": "require"}, "tls"),
    ],
)
@pytest.mark.parametrize("shop_kind", ["postgresql", "mysql"])
def test_what_is_wrong_is_said_in_plain_words(shop: Shop, change: dict[str, Any], kind: str) -> None:
    with pytest.raises(Problem) as caught:
        connect(source(shop, **change), rules(shop), timeout=3)
    assert (caught.value.kind, bool(caught.value.detail)) == (kind, True)
    assert str(shop.url.password) not in str(caught.value) + caught.value.detail


@pytest.mark.parametrize("shop_kind", ["postgresql", "mysql"])
def test_rotas_own_database_is_refused_however_it_is_spelled(shop: Shop) -> None:
    for own_host in ("localhost", "127.0.0.1", "::1", str(shop.url.host)):
        own = Rules(Own(shop.kind, own_host, shop.url.port or 0, str(shop.url.database)))
        for host in ("localhost", "127.0.0.1", "127.0.0.2", "::ffff:127.0.0.1"):
            with pytest.raises(guard.Refused):
                connect(source(shop, host=host), own)
    if shop.kind == "mysql":
        other = Rules(Own(shop.kind, "localhost", shop.url.port or 0, "mysql"))
        with pytest.raises(guard.Refused, match="may read Rota's own"):
            connect(source(shop, **{"username": str(shop.admin.username), "password": shop.admin.password}), other)


def test_addresses_that_only_this_machine_means_are_refused() -> None:
    none = Rules(Own("none"))
    for host in ("169.254.169.254", "0.0.0.0", "fe80::1", "100.100.100.200", "224.0.0.1", "::ffff:169.254.169.254"):
        with pytest.raises(NotAllowed):
            guard.addresses(Source("postgresql", host, 5432), none)
    with pytest.raises(Unresolvable):
        guard.addresses(Source("postgresql", "no-such-host.invalid", 5432), none)
    assert guard.addresses(Source("postgresql", "10.1.2.3", 5432), none) == ["10.1.2.3"]
    only = Rules(Own("none"), networks=("10.0.0.0/8", "localhost"))
    assert guard.addresses(Source("postgresql", "10.1.2.3", 5432), only) == ["10.1.2.3"]
    assert guard.addresses(Source("postgresql", "localhost", 5432), only)
    with pytest.raises(NotAllowed):
        guard.addresses(Source("postgresql", "8.8.8.8", 5432), only)


def test_files_of_sqlite_lie_where_they_may(tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    own = tmp_path / "allowed" / "rota.db"
    own.touch()
    (tmp_path / "secret").touch()
    (tmp_path / "allowed" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "allowed" / "hard").hardlink_to(own)
    rule = Rules(Own("sqlite", database=str(own)), folders=(str(tmp_path / "allowed"),))
    for path in (
        "secret",
        "allowed/link",
        "allowed/../secret",
        "allowed/rota.db",
        "allowed/hard",
        "allowed/rota.db-wal",
    ):
        with pytest.raises(guard.Refused):
            connect(Source("sqlite", database=str(tmp_path / path)), rule)
    with pytest.raises(DomainError, match="cannot be opened"):
        connect(Source("sqlite", database=str(tmp_path / "allowed" / "none")), rule)
    good = tmp_path / "allowed" / "good.db"
    good.touch()
    with connect(Source("sqlite", database=str(good)), rule) as connection, pytest.raises(Exception, match="not auth"):
        connection.execute(f"ATTACH DATABASE '{own}' AS own")


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "oracledb", None)
    with pytest.raises(Problem, match=r"pip install 'rota\[oracle\]'"):
        connect(Source("oracle", "db", 1521), Rules(Own("none")))
