"""Which database errors pass by themselves."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

#: MySQL: lock wait timeout, deadlock, server gone, connection lost, too many connections, server shutting down.
_MYSQL = {1205, 1213, 2003, 2006, 2013, 2014, 2055, 1040, 1053, 1927}
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
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return state in _POSTGRESQL or state.startswith(("08", "57P0"))
    code = cause.args[0] if cause is not None and cause.args else None
    if isinstance(code, int):
        return code in _MYSQL
    return isinstance(error, OperationalError) and "locked" in str(code)


def is_away(error: BaseException) -> bool:
    """Whether the database could not be reached or did not answer, as opposed to having refused something."""
    return isinstance(error, OSError) or is_transient(error)
