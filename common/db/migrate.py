"""Migrations: `rota db upgrade` and every start bring the schema to the newest revision, one process at a time."""

from typing import Any, Literal

from alembic import command
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlmodel.sql.sqltypes import AutoString

from common.db.engine import create_engine
from common.db.models import metadata
from common.db.types import UtcDateTime
from common.errors import ConfigurationError
from common.paths import ALEMBIC

_LOCK = 0x726F7461  # "rota"


def configure_options() -> dict[str, Any]:
    """What alembic is told about our schema: only our tables, types compared, SQLite altered by copying."""
    return {
        "target_metadata": metadata,
        "render_as_batch": True,
        "compare_type": True,
        "render_item": _render,
        "include_name": lambda name, kind, parents: kind != "table" or name in metadata.tables,
        "transaction_per_migration": False,
    }


def _render(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Write our column types into migrations by names that stay when SQLModel's internals move."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "types.UtcDateTime()"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String({item.length})"
    return False


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ALEMBIC).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest revision this program knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def current(connection: Connection) -> str | None:
    """The revision the database is at; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def _lock(connection: Connection) -> None:
    """Wait until no other process migrates. SQLite needs nothing: the transaction begins IMMEDIATE."""
    match connection.dialect.name:
        case "postgresql":
            connection.execute(text("SET statement_timeout = '10min'"))
            connection.execute(text("SET lock_timeout = '1min'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        case "mysql":
            if connection.scalar(text("SELECT GET_LOCK('rota-migrate', 600)")) != 1:
                raise ConfigurationError("Another process has been migrating the database for ten minutes.")


def _unlock(connection: Connection) -> None:
    if connection.dialect.name == "mysql":
        connection.execute(text("SELECT RELEASE_LOCK('rota-migrate')"))


def _refuse_newer(connection: Connection) -> None:
    found = current(connection)
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is not None and found not in known:
        raise ConfigurationError(
            f"The database is at revision {found}, which this version of Rota does not know: a newer one migrated it."
        )


def _migrate(connection: Connection, revision: str, *, down: bool) -> None:
    _lock(connection)
    try:
        if down:
            command.downgrade(_config(connection), revision)
        elif revision != "head" or current(connection) != head():
            _refuse_newer(connection)
            command.upgrade(_config(connection), revision)
    finally:
        _unlock(connection)


async def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at `url` up to `revision`; does nothing when it is there already."""
    await _run(url, revision, down=False)


async def downgrade(url: str, revision: str = "-1") -> None:
    """Take the database at `url` back to `revision`."""
    await _run(url, revision, down=True)


async def _run(url: str, revision: str, *, down: bool) -> None:
    # A large table takes as long as it takes. SQLite alters a table by dropping the old one: with foreign keys on, that
    # deletes whatever refers to it (ON DELETE CASCADE), and they cannot be switched off inside a transaction.
    engine = create_engine(url, pool_size=1, command_timeout=None, foreign_keys=False)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(lambda sync: _migrate(sync, revision, down=down))
            await connection.commit()
    finally:
        await engine.dispose()
