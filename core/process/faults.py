"""Whose fault an exception is: the connection's (everything waits), or that of the row at work (the others go on)."""

from __future__ import annotations

import psycopg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# lost connections, cancelled statements, deadlocks, a full disk: time mends them, no row is to blame
_OF_CONNECTION = (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError)


def is_of_connection(exc: BaseException) -> bool:
    """Whether the database was away or busy, so that the same work may succeed later as it stands."""
    return isinstance(exc, _OF_CONNECTION) or (isinstance(exc, DBAPIError) and exc.connection_invalidated)


def first_line(exc: BaseException, most: int = 300) -> str:
    """The fault in one line, with its kind where it says nothing itself."""
    lines = str(exc).splitlines()
    return (lines[0] if lines and lines[0] else type(exc).__name__)[:most]
