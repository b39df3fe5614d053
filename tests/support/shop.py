"""A shop to read from and write to: what an office has in its databases, with all that goes wrong in spreadsheets.

Chinese names, decimals, dates, times with microseconds, NULL beside the empty text, 64-bit ids, emoji, texts that look
like formulas or numbers. The same rows in PostgreSQL, MariaDB and SQLite, always the same ones.
"""

import random
import secrets
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pymysql
from sqlalchemy.engine import URL, make_url

from tests.support.databases import Databases

#: No JavaScript and no spreadsheet keeps all of its digits.
FIRST_ORDER = 9_007_199_254_740_993

#: Local time of the shop, as most databases keep it: without a zone.
_OPENED = datetime(2026, 1, 1, 8)  # noqa: DTZ001
_CITIES = ("上海", "北京", "深圳", "成都", "Zürich", "São Paulo")
_GIVEN = ("伟", "芳", "娜", "秀英", "敏", "静", "丽", "强", "磊", "军", "洋", "勇")
_FAMILY = ("王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙")
_REMARKS = (
    None,
    "",
    "=1+1",
    "急件 🚀",
    "+86 138 0013 8000",
    'it\'s "quoted"',
    "第一行\n第二行",
    "@SUM(A1)",
    "007",
    "  trim  ",
)
_STATUSES = ("new", "paid", "shipped", "returned")
_PRODUCTS = (
    (1, "TEA-001", "龙井茶", Decimal("128.50"), 0.25),
    (2, "TEA-002", "普洱茶饼", Decimal("999999999.99"), 0.357),
    (3, "CUP-001", "青花瓷杯", Decimal("0.01"), None),
    (4, "BOOK-1", "《红楼梦》", Decimal("59.90"), 1.2),
    (5, "00042", "Café ☕", Decimal("12.00"), 1e-7),
    (6, "PEN-9", "毛笔 & 墨", Decimal("33.30"), 3.0),
)

_TABLES = """
CREATE TABLE customers (
  id BIGINT PRIMARY KEY, name VARCHAR(100) NOT NULL, city VARCHAR(50), email VARCHAR(200), born DATE,
  vip {bool} NOT NULL, balance DECIMAL(12, 2) NOT NULL
);
CREATE TABLE products (
  id BIGINT PRIMARY KEY, sku VARCHAR(20) NOT NULL UNIQUE, name VARCHAR(100) NOT NULL, price DECIMAL(12, 2) NOT NULL,
  weight DOUBLE PRECISION
);
CREATE TABLE orders (
  id BIGINT PRIMARY KEY, customer_id BIGINT NOT NULL REFERENCES customers (id), ordered_at {timestamp} NOT NULL,
  shipped_on DATE, status VARCHAR(20) NOT NULL, remark {text}
);
CREATE TABLE order_items (
  order_id BIGINT NOT NULL REFERENCES orders (id), line INT NOT NULL, product_id BIGINT NOT NULL, quantity INT NOT NULL,
  price DECIMAL(12, 2) NOT NULL, PRIMARY KEY (order_id, line)
)
"""
_WORDS = {
    "postgresql": {"bool": "BOOLEAN", "timestamp": "TIMESTAMP", "text": "TEXT"},
    "mysql": {"bool": "BOOLEAN", "timestamp": "DATETIME(6)", "text": "LONGTEXT"},
    "sqlite": {"bool": "BOOLEAN", "timestamp": "TIMESTAMP", "text": "TEXT"},
}

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Shop:
    """One shop; `kind` is that of its database."""

    kind: str
    url: URL
    #: The same for who may do everything on its server.
    admin: URL

    def values(self, **more: Any) -> dict[str, Any]:
        """What `POST /data-sources` takes to reach it."""
        place: dict[str, Any]
        if self.kind == "sqlite":
            place = {"database": self.url.database}
        else:
            place = {
                "host": self.url.host,
                "port": self.url.port,
                "database": self.url.database,
                "username": self.url.username,
                "password": self.url.password,
            }
        return {"name": "商店", "kind": self.kind} | place | more

    def connect(self) -> Any:
        """A connection of its driver; autocommit."""
        if self.kind == "sqlite":
            return sqlite3.connect(str(self.url.database), isolation_level=None)
        given: dict[str, Any] = {
            "host": self.url.host,
            "port": self.url.port,
            "user": self.url.username,
            "password": self.url.password,
            "autocommit": True,
        }
        if self.kind == "mysql":
            return pymysql.connect(database=self.url.database, charset="utf8mb4", **given)
        return psycopg.connect(dbname=self.url.database, **given)

    def execute(self, *statements: str) -> None:
        """Run these."""
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, query: str) -> list[Row]:
        """What a query gives."""
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Put rows into a table, in one transaction."""
        mark = "?" if self.kind == "sqlite" else "%s"
        marks = ", ".join([mark] * len(rows[0]))
        stored = [tuple(map(_for_sqlite, row)) for row in rows] if self.kind == "sqlite" else rows
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute("BEGIN")
            cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", stored)
            cursor.execute("COMMIT")

    def fill(self) -> None:
        """Make the tables and put the rows in."""
        self.execute(*(part for part in _TABLES.format(**_WORDS[self.kind]).split(";\n") if part.strip()))
        self.insert("customers", CUSTOMERS)
        self.insert("products", _PRODUCTS)
        self.insert("orders", ORDERS)
        self.insert("order_items", ITEMS)


def _for_sqlite(value: Any) -> Any:
    """As SQLite keeps it: it knows no decimals and no dates."""
    match value:
        case Decimal():
            return str(value)
        case datetime():
            return value.isoformat(" ")
        case date():
            return value.isoformat()
    return value


def _customers() -> Iterator[Row]:
    for n in range(1, 25):
        name = _FAMILY[n % 12] + _GIVEN[n * 5 % 12]
        born = None if n % 5 == 0 else date(1950 + n * 2, 1 + n % 12, 1 + n % 28)
        email = None if n % 3 == 0 else f"kunde{n}@beispiel.example"
        yield n, name, _CITIES[n % 6], email, born, n % 4 == 0, Decimal(n * n) / 100 - 2


def _orders() -> Iterator[Row]:
    for n in range(120):
        at = _OPENED + timedelta(hours=37 * n, seconds=n, microseconds=n * 1001)
        shipped = None if n % 4 == 0 else (at + timedelta(days=2)).date()
        yield FIRST_ORDER + n, 1 + n * 7 % 24, at, shipped, _STATUSES[n % 4], _REMARKS[n % len(_REMARKS)]


def _items() -> Iterator[Row]:
    chance = random.Random(20260101)
    for n in range(120):
        for line in range(1, 1 + chance.randint(1, 3)):
            product = chance.choice(_PRODUCTS)
            yield FIRST_ORDER + n, line, product[0], chance.randint(1, 9), product[3]


CUSTOMERS = tuple(_customers())
PRODUCTS = _PRODUCTS
ORDERS = tuple(_orders())
ITEMS = tuple(_items())


@asynccontextmanager
async def opened(databases: Databases, kind: str) -> AsyncIterator[Shop]:
    """A shop in a database of its own. In MariaDB with an account of its own, which sees no other database."""
    async with databases.empty() as url:
        server = make_url(url).set(drivername=kind)
        shop = Shop(kind, server, server)
        if kind == "mysql":
            name = f"shop_{secrets.token_hex(6)}"
            shop.execute(
                f"CREATE USER {name}@'%' IDENTIFIED BY 'p@ss:{name}'",
                f"GRANT ALL ON {server.database}.* TO {name}@'%'",
            )
            shop = Shop(kind, server.set(username=name, password=f"p@ss:{name}"), server)
        shop.fill()
        yield shop
        if kind == "mysql":
            Shop(kind, server, server).execute(f"DROP USER {shop.url.username}@'%'")
