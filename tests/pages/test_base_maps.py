"""The form of base maps without a browser: what is saved is what was typed, a key is never given back."""

from __future__ import annotations

from typing import Any, cast

import pytest
from sqlalchemy import Connection

from app.asking import Asking
from app.deps import Parts
from app.pages.base_maps import form
from core.errors import Forbidden
from core.viewer import Role
from core.vocabulary import table
from layers.base_maps import BaseMapIn, read_base_maps
from tests.dashboard.tree import walk
from tests.people import person
from tests.support import now

OURS = {"title_zh": "影像", "title_en": "Imagery", "attribution": "© 本市", "address": "http://127.0.0.1/{z}/{x}/{y}"}


def asking(conn: Connection, role: Role = Role.ADMIN) -> Asking:
    return Asking(conn, person(role), now(), cast(Parts, None))


def saved(conn: Connection, base: dict[str, Any], **typed: Any) -> Any:
    """As the page has it: of the inputs that its form shows."""
    handler = form.BaseMapHandler()
    shown = {one.name for one in handler.form(base).shown()}
    inputs = {name: value for name, value in {**base, **typed}.items() if name in shown}
    values = {one.name: inputs.get(one.name) for one in handler.form(inputs).shown()}
    return handler.save(asking(conn), base, values)


def test_one_is_added_changed_and_keeps_its_key(conn: Connection) -> None:
    made = saved(conn, form.empty(), id="ours", **{**OURS, "address": f"{OURS['address']}?k={{key}}"}, key="secret-1")
    assert made.errors == {}, made.errors
    base = form.read_one(asking(conn), "ours")
    assert "secret-1" not in str(list(walk(form.open_one(asking(conn), "ours"))))
    again = saved(conn, base, title_en="Our imagery")
    assert again.errors == {}, again.errors
    [one] = read_base_maps(conn)
    assert (one.title["en"], one.key, one.version) == ("Our imagery", "secret-1", 2)


@pytest.mark.parametrize("name", list(table(form.KNOWN)))
def test_a_known_service_is_one_that_is_taken(name: str) -> None:
    told = {key: value for key, value in table(form.KNOWN)[name].items() if key in BaseMapIn.model_fields}
    BaseMapIn.model_validate({**told, **({"key": "k"} if "{key}" in told["address"] else {})})


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"address": "https://webrd01.is.autonavi.com/{z}/{x}/{y}"}, "address"),
        ({"address": "not an address"}, "address"),
        ({"id": "Nicht So"}, "id"),
        ({"max_zoom": 40}, "max_zoom"),
        ({"title_zh": ""}, "title_zh"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(conn: Connection, typed: dict[str, Any], field: str) -> None:
    answer = saved(conn, form.empty(), **{"id": "ours", **OURS, **typed})
    assert field in answer.errors
    assert read_base_maps(conn) == []


def test_nobody_but_who_may_sees_one(conn: Connection) -> None:
    with pytest.raises(Forbidden):
        form.open_new(asking(conn, Role.COMMANDER))
