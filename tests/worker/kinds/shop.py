"""A small shop in SQLite, with what real ones have: Chinese names, decimals, NULLs, 64-bit ids, emoji; and a connection
to it that does what an export needs of one."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

JOIN = """SELECT o.id AS 订单号, c.name AS 客户, c.city, p.title AS 商品, o.quantity, p.price, o.paid, o.remark
FROM orders o JOIN customers c ON c.id = o.customer_id JOIN products p ON p.id = o.product_id
WHERE o.quantity >= :least ORDER BY o.id"""

_SCHEMA = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE products (id INTEGER PRIMARY KEY, title TEXT, price REAL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INT, product_id INT, quantity INT, paid TEXT, remark TEXT);
"""
_CUSTOMERS = [(1, "张伟", "北京"), (2, "José García", None), (3, "O'Brien & <Söhne>", "上海")]
_PRODUCTS = [(1, "茶 🍵", 12.5), (2, "=1+1", 0.1), (3, "笔记本", 4999.99)]
_FIRST = 9_007_199_254_740_993


def make(path: Path, orders: int = 500) -> None:
    """The database in a new file."""
    with sqlite3.connect(path) as database:
        database.executescript(_SCHEMA)
        database.executemany("INSERT INTO customers VALUES (?, ?, ?)", _CUSTOMERS)
        database.executemany("INSERT INTO products VALUES (?, ?, ?)", _PRODUCTS)
        database.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    _FIRST + n,
                    n % 3 + 1,
                    n * 7 % 3 + 1,
                    n % 5,
                    f"2026-03-{n % 28 + 1:02d}",
                    None if n % 4 else f"@{n}\n",
                )
                for n in range(orders)
            ],
        )
    database.close()


class Result:
    """A result, some rows at a time."""

    def __init__(self, cursor: sqlite3.Cursor, size: int) -> None:
        self._cursor, self._size = cursor, size

    @property
    def columns(self) -> Sequence[str]:
        return [column[0] for column in self._cursor.description or ()]

    def __iter__(self) -> Iterator[list[Any]]:
        while rows := self._cursor.fetchmany(self._size):
            yield rows

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._cursor.close()


class Lite:
    """A connection to a file."""

    def __init__(self, path: Path) -> None:
        self.raw = sqlite3.connect(path, check_same_thread=False)

    def stream(self, statement: str, parameters: Mapping[str, Any] | None = None, *, size: int = 10_000) -> Result:
        named = {name: value for name, value in (parameters or {}).items() if f":{name}" in statement}
        return Result(self.raw.execute(statement, named), size)

    def cancel(self) -> None:
        self.raw.interrupt()

    def close(self) -> None:
        self.raw.close()
