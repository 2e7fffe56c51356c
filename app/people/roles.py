"""Roles as data: those of the first day, which stay as they are, and a city's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError
from typing_extensions import TypedDict

from app.people.rights import begin, need_manager, need_within
from core import audit
from core.errors import Conflict, NotFound
from core.given import Given
from core.types import Params
from core.viewer import Permission, Viewer, known_permissions
from core.vocabulary import Text

ROLE_ID = r"^[a-z][a-z0-9_]{0,39}$"
_ROLES = """
SELECT r.*, (SELECT count(*) FROM account a WHERE a.role = r.id) AS accounts FROM role r
"""


class RoleObject(TypedDict):
    """A named set of permissions, and how many accounts have it; what is `built_in` cannot be changed."""

    id: str
    names: Text
    permissions: list[str]
    built_in: bool
    accounts: int
    version: int


class RoleChange(Given):
    """A role's names and permissions, as a whole; of the `version` that was read."""

    name_zh: str = Field(min_length=1, max_length=40, pattern=r"\S")
    name_en: str = Field(min_length=1, max_length=40, pattern=r"\S")
    permissions: list[Permission] = Field(max_length=100)
    version: int = Field(0, ge=0, lt=2**31)


class RoleIn(RoleChange):
    id: str = Field(pattern=ROLE_ID)


def role_object(row: Any) -> RoleObject:
    return {
        "id": row.id,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "permissions": sorted(known_permissions(row.permissions)),
        "built_in": row.built_in,
        "accounts": row.accounts,
        "version": row.version,
    }


def find_roles(q: str = "") -> tuple[str, Params]:
    """SQL of all roles in whose id or names `q` stands."""
    return f"{_ROLES} WHERE strpos(lower(concat_ws(' ', r.id, r.name_zh, r.name_en)), lower(:q)) > 0", {"q": q}


def read_roles(conn: Connection) -> list[RoleObject]:
    """Ours first, then the city's own, by id."""
    return [role_object(row) for row in conn.execute(text(f"{_ROLES} ORDER BY r.built_in DESC, r.id"))]


def read_role(conn: Connection, role: str) -> RoleObject:
    row = conn.execute(text(f"{_ROLES} WHERE r.id = :id"), {"id": role}).one_or_none()
    if row is None:
        raise NotFound(f"role: there is no role {role!r}", field="role")
    return role_object(row)


def permissions_of(conn: Connection, role: str) -> frozenset[Permission]:
    return known_permissions(read_role(conn, role)["permissions"])


def add_role(conn: Connection, who: Viewer, given: RoleIn, now: datetime) -> RoleObject:
    begin(conn, who)
    need_within(who, given.permissions)
    done = conn.execute(
        text(
            """
INSERT INTO role (id, name_zh, name_en, permissions, built_in) VALUES (:id, :name_zh, :name_en, :permissions, false)
ON CONFLICT (id) DO NOTHING
"""
        ),
        stated(given),
    )
    if not done.rowcount:
        raise Conflict(f"id: the role {given.id!r} is there already", reason="taken", field="id")
    audit.write(conn, who, "role.add", now, stated(given))
    return read_role(conn, given.id)


def change_role(conn: Connection, who: Viewer, role: str, given: RoleChange, now: datetime) -> RoleObject:
    begin(conn, who)
    need_own(conn, role)
    need_within(who, permissions_of(conn, role) | set(given.permissions))
    done = conn.execute(
        text(
            """
UPDATE role SET name_zh = :name_zh, name_en = :name_en, permissions = :permissions, version = version + 1
WHERE id = :id AND version = :version
"""
        ),
        {**stated(given), "id": role},
    )
    if not done.rowcount:
        raise Conflict("version: somebody else has changed this role since you looked", reason="stale_version")
    need_manager(conn)
    audit.write(conn, who, "role.change", now, {**stated(given), "id": role})
    return read_role(conn, role)


def remove_role(conn: Connection, who: Viewer, role: str, now: datetime) -> None:
    """Conflict where somebody has it."""
    begin(conn, who)
    need_own(conn, role)
    try:
        with conn.begin_nested():
            conn.execute(text("DELETE FROM role WHERE id = :id"), {"id": role})
    except IntegrityError as exc:
        raise Conflict(f"the role {role!r} is somebody's", reason="role_in_use") from exc
    audit.write(conn, who, "role.remove", now, {"id": role})


def need_own(conn: Connection, role: str) -> None:
    if read_role(conn, role)["built_in"]:
        raise Conflict(f"the role {role!r} comes with the software and stays as it is", reason="built_in")


def stated(given: RoleChange) -> dict[str, Any]:
    return {**given.model_dump(mode="json"), "permissions": sorted(given.permissions)}
