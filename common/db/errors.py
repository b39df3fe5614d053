"""Which database errors pass by themselves."""

import errno
import socket

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

#: MySQL: lock wait timeout, deadlock, server gone, connection lost or ended, too many connections, shutting down.
_MYSQL = {1205, 1213, 2003, 2006, 2013, 2014, 2055, 1040, 1053, 1317, 1927, 3024, 4031}
#: PostgreSQL: serialisation, deadlock, lock not available, statement cancelled, too many connections.
_POSTGRESQL = {"40001", "40P01", "55P03", "57014", "53300"}


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may well succeed when it is run again.

    The connection was lost, a deadlock or a lock timeout picked us as the victim, or the server is restarting.
    """
    if isinstance(error, PoolTimeout | ConnectionError | TimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    cause = error.orig
    code = cause.args[0] if cause is not None and cause.args else None
    if isinstance(code, int):
        return code in _MYSQL  # they have an SQLSTATE too, but HY000 may be anything
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return state in _POSTGRESQL or state.startswith(("08", "57P0"))
    if "cannot switch to state" in str(code):  # asyncpg: the connection went while it was being used
        return True
    return isinstance(error, OperationalError) and "locked" in str(code)


#: What a network says when nobody is there; other OSErrors (a missing file, a full disk) are our own trouble.
_NETWORK = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.ETIMEDOUT}


def is_away(error: BaseException) -> bool:
    """Whether the database could not be reached or did not answer, as opposed to having refused something."""
    if isinstance(error, ConnectionError | TimeoutError | socket.gaierror):
        return True
    return is_transient(error) or (isinstance(error, OSError) and error.errno in _NETWORK)
