"""aiomysql, mended where it would hang for ever or cannot send bytes. Imported only where MySQL is used."""

import asyncio
from typing import Any

import aiomysql
from aiomysql import connection as driver
from pymysql.constants import CR
from pymysql.converters import escape_bytes

# PyMySQL 1.2 took this function from aiomysql 0.3: without it no bytes can be sent.
if not callable(driver.escape_bytes_prefixed):
    driver.escape_bytes_prefixed = escape_bytes


class Connection(aiomysql.Connection):  # type: ignore[misc]
    """A connection that does not wait for ever: the driver has a time limit for connecting only, not for an answer."""

    def __init__(self, *, answer_timeout: float | None, **options: Any) -> None:
        super().__init__(**options)
        self._answer_timeout = answer_timeout

    async def _read_bytes(self, num_bytes: int) -> bytes:
        try:
            async with asyncio.timeout(self._answer_timeout):
                data: bytes = await super()._read_bytes(num_bytes)
                return data
        except TimeoutError as error:
            self.close()
            said = f"no answer from the MySQL server within {self._answer_timeout:g} s"
            raise aiomysql.OperationalError(CR.CR_SERVER_LOST, said) from error


async def connect(**options: Any) -> Connection:
    """Open a connection; `answer_timeout` in seconds (None: no limit), all else as for `aiomysql.connect`."""
    made = Connection(**options)
    await made._connect()
    return made
