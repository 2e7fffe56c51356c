"""The tables of accounts and of roles."""

from __future__ import annotations

from app.asking import Asking
from app.dashboard import texts
from app.pages import tables
from app.pages.tables import TEXT, Cell, Column, ColumnFilter, Filter, Found, Table, Wanted, cells
from app.people import book, roles
from app.people.book import PersonObject
from app.people.roles import RoleObject
from core.viewer import Permission

SHOWN_AT_MOST, CHIPS_AT_MOST = 4, 2
STATES = {"on": "fresh", "new": "late", "off": "off"}


def state_of(row: PersonObject) -> str:
    """On; new, where somebody else's password has not been changed yet; or off."""
    if not row["enabled"]:
        return "off"
    return "new" if row["must_change"] or not row["has_password"] else "on"


def name_cells(row: PersonObject) -> list[Cell]:
    name = cells.press("open", cells.plain(row["name"]), key=f"person-{row['username']}", id=row["username"])
    return cells.stack([name], [cells.quiet(row["username"])])


def scope_cells(row: PersonObject) -> list[Cell]:
    limits = [*(row["departments"] or []), *(row["districts"] or []), *(row["units"] or [])]
    if not limits:
        return [cells.words("people.everywhere")]
    more = [cells.words("sources.more", n=len(limits) - SHOWN_AT_MOST)] if len(limits) > SHOWN_AT_MOST else []
    return [*(cells.code(one) for one in limits[:SHOWN_AT_MOST]), *more]


def open_cells(row: PersonObject) -> list[Cell]:
    return [cells.words("people.open", n=row["sessions"], m=row["tokens"])]


PEOPLE: Table[PersonObject] = Table(
    "people",
    "people",
    (
        Column("username", "people.field.name", name_cells, flex=3, filter=TEXT),
        Column("role", "people.field.role", lambda row: [cells.pair(row["role_names"])], flex=2, filter=TEXT),
        Column(
            "state",
            "sources.state",
            lambda row: [cells.lamp(STATES[state_of(row)], f"people.is.{state_of(row)}")],
            width=150,
            filter=ColumnFilter(texts.family("people.is")),
        ),
        Column("scope", "people.scope", scope_cells, sortable=False, flex=3, rank=2, filter=TEXT),
        Column("seen_at", "people.seen", lambda row: [cells.age(row["seen_at"])], width=130, rank=2),
        Column("open", "access.title", open_cells, sortable=False, width=150, rank=3),
    ),
    filters=(Filter("q", "people.search"),),
    row_height=54,
    row_id="username",
    order="username",
)
PEOPLE_COLUMNS = {
    "username": "concat_ws(' ', username, name)",
    "role": "concat_ws(' ', role, role_zh, role_en)",
    "state": "CASE WHEN NOT enabled THEN 'off' WHEN must_change OR NOT has_password THEN 'new' ELSE 'on' END",
    "scope": "concat_ws(' ', departments, districts, units)",
    "seen_at": "seen_at",
}


def read_people(asking: Asking, wanted: Wanted) -> Found[PersonObject]:
    asking.viewer.require(Permission.PERSON_MANAGE)
    sql, params = book.find_people(wanted.asks("q"))
    rows, total = tables.select(asking.conn, sql, params, wanted, PEOPLE_COLUMNS, PEOPLE)
    return Found([book.person_object(row) for row in rows], total)


def role_cells(row: RoleObject) -> list[Cell]:
    name = cells.press("open", cells.pair(row["names"]), key=f"role-{row['id']}", id=row["id"])
    return cells.stack([name], [cells.quiet(row["id"])])


def permission_cells(row: RoleObject) -> list[Cell]:
    shown = row["permissions"][:CHIPS_AT_MOST]
    left = len(row["permissions"]) - len(shown)
    more = [cells.words("sources.more", n=left)] if left else []
    return [*(cells.chip(cells.words(words_of(one))) for one in shown), *more]


def words_of(permission: str) -> str:
    """The catalogue key of a permission."""
    return f"roles.field.permissions.{permission.replace('.', '_')}"


ROLES: Table[RoleObject] = Table(
    "roles",
    "roles",
    (
        Column("id", "people.field.role", role_cells, flex=2, filter=TEXT),
        Column(
            "kind",
            "roles.kind",
            lambda row: [cells.words("roles.built_in" if row["built_in"] else "roles.own")],
            width=150,
            sortable=False,
            rank=2,
        ),
        Column("permissions", "roles.field.permissions", permission_cells, sortable=False, flex=5, rank=2),
        Column("accounts", "roles.accounts", lambda row: [cells.plain(row["accounts"], "figure")], width=110),
    ),
    filters=(Filter("q", "roles.search"),),
    row_height=54,
    row_id="id",
    order="built_in DESC, id",
)
ROLE_COLUMNS = {"id": "concat_ws(' ', id, name_zh, name_en)", "accounts": "accounts"}


def read_roles(asking: Asking, wanted: Wanted) -> Found[RoleObject]:
    asking.viewer.require(Permission.PERSON_MANAGE)
    sql, params = roles.find_roles(wanted.asks("q"))
    rows, total = tables.select(asking.conn, sql, params, wanted, ROLE_COLUMNS, ROLES)
    return Found([roles.role_object(row) for row in rows], total)
