"""What all tables share: names of constraints that migrations can address on every database."""

from typing import cast

from sqlalchemy import MetaData, Table
from sqlmodel import SQLModel

metadata: MetaData = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

#: Ids of deleted rows are never given again, so that an old link cannot name a new thing. Text compares
#: byte by byte on MySQL too, as it does elsewhere: its default would take "a" and "A" for one key.
TABLE_OPTIONS = {
    "sqlite_autoincrement": True,
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
}


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a model, for statements on the hot path."""
    return cast("Table", model.__table__)  # type: ignore[attr-defined]
