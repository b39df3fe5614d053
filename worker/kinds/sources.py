"""Data sources of what is about to start: read for these attempts only, decrypted here, handed over in memory."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select

from common.datasources.source import Source
from common.db.models import DataSource, table_of
from common.db.session import ReadSession
from common.db.types import Record
from common.errors import DomainError
from common.services.data_sources import place, rules, source_of
from worker.kinds.work import Given, Unready

D = table_of(DataSource)


async def stored(session: ReadSession, ids: Collection[int]) -> Mapping[int, Record]:
    """The rows of these data sources, by id; for `registry.READERS`."""
    rows = await session.execute(select(D).where(D.c.id.in_(sorted(ids))))
    return {row.id: row for row in rows}


def source(given: Given, data_source_id: int) -> Source:
    """A data source with its password; raises Unready when it is gone, or sealed with a key this machine has not."""
    row = given.thing(
        "data_source", data_source_id, "the data source that this task uses does not exist any more: choose another one"
    )
    try:
        password = given.keyring.open(row.sealed, place(data_source_id)) if row.sealed else ""
    except DomainError as error:
        raise Unready(f"the password of the data source {row.name} cannot be decrypted: {error}") from None
    return source_of(row, password)


def needs(given: Given, found: Source) -> dict[str, Any]:
    """What a process of ours needs to connect; `run.sources` takes it there."""
    return {"source": found.as_json(), "rules": rules(given.settings).as_json()}


def secrets(found: Source) -> list[str]:
    """What of it is kept out of output and reports."""
    return [found.password] if found.password else []


#: What the module `rota` calls a kind of database, where it is not what we call it.
_CALLED = {"mariadb": "mysql", "analyticdb": "mysql", "sqlserver": "mssql"}


def for_program(found: Source) -> dict[str, Any]:
    """What the module `rota` of a Python program needs to connect (`helper/rota/_sources.py`)."""
    return {
        "name": found.name,
        "kind": _CALLED.get(found.kind, found.kind),
        "host": found.host,
        "port": found.port,
        "user": found.username,
        "password": found.password,
        "database": found.database,
        "tls": found.tls,
        "tls_ca": found.tls_ca,
        "read_only": found.read_only and found.kind != "analyticdb",
        "statement_timeout": found.statement_timeout,
    }
