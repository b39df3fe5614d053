"""All that a database holds, as bytes to search in."""

from sqlalchemy import MetaData, select

from common.db.session import Database


async def everything(database: Database, metadata: MetaData) -> bytes:
    """Every value of every row of every table, text and bytes as they are."""
    found: list[bytes] = []
    async with database.read() as session:
        for table in metadata.sorted_tables:
            for row in await session.execute(select(table)):
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return b"\n".join(found)
