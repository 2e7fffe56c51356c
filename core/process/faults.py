"""Whose fault an exception is: the connection's (everything waits), or that of the row at work (the others go on); and
what is told of one of the database's."""

from __future__ import annotations

import psycopg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import LOST_RACE, Conflict, OneMapError, Unavailable

# lost connections, cancelled statements, deadlocks, a full disk: time mends them, no row is to blame
_OF_CONNECTION = (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError)
# serialization_failure, deadlock_detected: the same work succeeds when it is done again
_RACES = frozenset({"40001", "40P01"})
# lock_not_available: others have it and keep it
_LOCKED = "55P03"
# query_canceled; class 53 is insufficient resources
_CANCELLED, _LACKS = "57014", "53"


def is_of_connection(exc: BaseException) -> bool:
    """Whether the database was away or busy, so that the same work may succeed later as it stands."""
    return isinstance(exc, _OF_CONNECTION) or (isinstance(exc, DBAPIError) and exc.connection_invalidated)


def sqlstate(exc: BaseException) -> str:
    """The five characters by which PostgreSQL names an error; empty where it said nothing any more."""
    return getattr(getattr(exc, "orig", None) or exc, "sqlstate", None) or ""


def is_lost_race(exc: BaseException) -> bool:
    """Whether others changed the same things at the same moment and the whole transaction may be done again."""
    return sqlstate(exc) in _RACES


def known(exc: SQLAlchemyError | psycopg.Error) -> OneMapError:
    """What is told of an error of the database: a lost race is no lost database, and a busy one is there."""
    state = sqlstate(exc)
    if state in _RACES or state == _LOCKED:
        told = "others changed the same things at this moment; nothing was changed, try again"
        return Conflict(told, reason=LOST_RACE)
    if state == _CANCELLED or state.startswith(_LACKS) or isinstance(exc, PoolTimeout):
        told = "the database has too much to do, or no room left; nothing was changed, try again later"
        return Unavailable(told, reason="database_busy")
    if is_of_connection(exc):
        return Unavailable("the database does not answer; it is tried again by itself", reason="database_away")
    return OneMapError("the database refused the request; the log has the reason", reason="database_error")


def first_line(exc: BaseException, most: int = 300) -> str:
    """The fault in one line, with its kind where it says nothing itself."""
    lines = str(exc).splitlines()
    return (lines[0] if lines and lines[0] else type(exc).__name__)[:most]
