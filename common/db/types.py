"""Column types that mean the same on SQLite, PostgreSQL and MySQL/MariaDB."""

from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import JSON, BigInteger, DateTime, Integer, LargeBinary, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect, Row
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: takes aware datetimes only, gives aware UTC, keeps microseconds.

    `DateTime(timezone=True)` loses the zone on MariaDB and SQLite without an error (architecture.md, 3).
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: an instant needs a zone")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Ciphertext(TypeDecorator[str]):
    """A secret, sealed by `common.security.encryption`; empty = none. Refuses to store what is not sealed."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(mysql.LONGTEXT() if dialect.name in ("mysql", "mariadb") else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value and not value.startswith("v1:"):
            raise ValueError("not encrypted: seal it first")
        return value


#: SQLite gives row ids only to INTEGER PRIMARY KEY.
BigId = BigInteger().with_variant(Integer, "sqlite")
#: MySQL's TEXT ends at 64 KiB.
LongText = Text().with_variant(mysql.LONGTEXT, "mysql", "mariadb")
LongBytes = LargeBinary().with_variant(mysql.LONGBLOB, "mysql", "mariadb")
Json = JSON
#: Where nothing is stored as NULL, not as the JSON word null.
JsonOrNull = JSON(none_as_null=True)

#: A row whose columns are known by name.
Record: TypeAlias = Row[*tuple[Any, ...]]
