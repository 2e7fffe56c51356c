"""Who may change whom: nobody gives what they do not have, and somebody is always left who manages people."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

from core.db import lock_key
from core.errors import Conflict, Forbidden
from core.scope import Scope
from core.viewer import Permission, Viewer

_MANAGERS = text("""
SELECT count(*) FROM account a JOIN role r ON r.id = a.role WHERE a.enabled AND :needed = ANY(r.permissions)
""")


def begin(conn: Connection, who: Viewer) -> None:
    """Before anything about people is changed: who may not is refused, others wait for each other."""
    who.require(Permission.PERSON_MANAGE)
    hold(conn)


def hold(conn: Connection) -> None:
    """One change of people at a time: the last who manages them is counted."""
    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("people")})


def need_within(who: Viewer, permissions: Iterable[Permission], scope: Scope | None = None) -> None:
    """Raises Forbidden where somebody would give, or change somebody who has, more than they have themselves."""
    more = sorted(set(permissions) - who.permissions)
    if more:
        raise Forbidden(f"you do not have these permissions yourself: {', '.join(more)}", reason="beyond_own")
    if scope is not None and not who.scope.covers(scope):
        raise Forbidden("this scope reaches further than your own", reason="beyond_own")


def need_manager(conn: Connection) -> None:
    """After a change: raises Conflict where nobody would be left who manages people."""
    if not conn.scalar(_MANAGERS, {"needed": Permission.PERSON_MANAGE}):
        raise Conflict("nobody would be left who manages people", reason="last_manager")
