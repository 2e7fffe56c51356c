"""Callbacks of the page: open, add, change; passwords, sessions and tokens; roles."""

from __future__ import annotations

from typing import Any

from dash import ALL, Dash, Input, State, ctx, html
from dash.exceptions import PreventUpdate

from app.accounts import end_sessions
from app.asking import Asking, Door
from app.dashboard import texts
from app.pages import forms, ids, tables
from app.pages.access import TYPED, typed_token
from app.pages.acts import Act, Acts, Press, empties, fills
from app.pages.ids import PeopleId
from app.pages.parts import done
from app.pages.people import layout, listing, person, role
from app.people import book, roles, sessions
from core import audit
from core.viewer import Permission

HELD, HELD_ROLE = State(ids.held(person.KEY), "data"), State(ids.held(role.KEY), "data")
OWNER = "people"


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, listing.PEOPLE, listing.read_people)
    tables.register(app, door, listing.ROLES, listing.read_roles)
    forms.register(app, door, person.PersonHandler())
    forms.register(app, door, role.RoleHandler())
    acts = Acts(app, door)
    acts.cells(listing.PEOPLE.key, open=lambda asking, press: shown(asking, str(press.what["id"])))
    acts.cells(
        listing.ROLES.key,
        open=lambda asking, press: Act([fills(PeopleId.ROLE_PANE, role.open_role(asking, str(press.what["id"])))]),
    )
    acts.button(PeopleId.ADD, lambda asking, press: Act([fills(PeopleId.PANE, person.open_new(asking))]))
    acts.button(PeopleId.ROLE_ADD, lambda asking, press: Act([fills(PeopleId.ROLE_PANE, role.open_new(asking))]))
    acts.closes(person.KEY, PeopleId.PANE)
    acts.closes(role.KEY, PeopleId.ROLE_PANE)
    acts.asked_twice(PeopleId.END, layout.ENDING, lambda press: ask("people.end.ask", press), end_all, HELD)
    acts.asked_twice(
        PeopleId.ROLE_REMOVE, layout.REMOVING, lambda press: ask("roles.remove.ask", press, "id"), remove, HELD_ROLE
    )
    typed = (State(ids.token(OWNER, part), "value") for part in TYPED)
    acts.button(ids.token(OWNER, "make"), make_token, HELD, *typed)
    acts.button(ids.end_access(OWNER, ALL), end_one, HELD)
    register_password(app, door)


def shown(asking: Asking, username: str, password: str = "") -> Act:
    return Act([fills(PeopleId.PANE, person.open_person(asking, username, password))])


def ask(key: str, press: Press, name: str = "username") -> Any:
    return html.Span(texts.both(key, name=press.given[0][name]))


def username_of(asking: Asking, press: Press) -> str:
    """Whose pane is open, where who asks may change that account."""
    asking.viewer.require(Permission.PERSON_MANAGE)
    username = str(press.given[0]["username"])
    book.need_may_change(asking.conn, asking.viewer, username)
    return username


def end_all(asking: Asking, press: Press) -> Act:
    username = username_of(asking, press)
    ended = end_sessions(asking.conn, username)
    audit.write(asking.conn, asking.viewer, "person.end_sessions", asking.now, {"username": username, "ended": ended})
    asking.parts.sessions.forget_all()
    return Act(shown(asking, username).sets, done("people.ended", n=ended), changed=True)


def end_one(asking: Asking, press: Press) -> Act:
    username = username_of(asking, press)
    sessions.end_session(asking.conn, asking.viewer, username, int(press.what["end"]), asking.now)
    asking.parts.sessions.forget_all()
    return Act(shown(asking, username).sets, done("people.ended", n=1), changed=True)


def make_token(asking: Asking, press: Press) -> Act:
    username = username_of(asking, press)
    made = sessions.make_token(asking.conn, asking.viewer, username, typed_token(*press.given[1:]), asking.now)
    return Act([fills(PeopleId.PANE, person.open_person(asking, username, token=made))], changed=True)


def remove(asking: Asking, press: Press) -> Act:
    name = str(press.given[0]["id"])
    roles.remove_role(asking.conn, asking.viewer, name, asking.now)
    return Act([empties(PeopleId.ROLE_PANE)], done("roles.removed", name=name), changed=True)


def register_password(app: Dash, door: Door) -> None:
    """Asked twice like the others, but hashed before the transaction: nobody holds a connection meanwhile."""
    go = ids.dialog_part(layout.GIVING, "go")
    acts = Acts(app, door)
    acts.button(
        PeopleId.PASSWORD,
        lambda asking, press: Act(
            [
                (ids.dialog(layout.GIVING), {"opened": True}),
                fills(ids.dialog_part(layout.GIVING, "words"), ask("people.password.ask", press)),
            ]
        ),
        HELD,
    )
    closed = Act([(ids.dialog(layout.GIVING), {"opened": False})])
    acts.button(ids.dialog_part(layout.GIVING, "stay"), lambda asking, press: closed)

    @app.callback(Input(go, "n_clicks"), HELD, prevent_initial_call=True)
    async def pressed(_: Any, held: dict[str, Any] | None) -> None:
        if not ctx.triggered[0].get("value") or not held:
            raise PreventUpdate
        door.viewer().require(Permission.PERSON_MANAGE)
        password = book.make_password()
        hashed = await door.parts.hashing.hash(password)
        (await door.ask(give, str(held["username"]), password, hashed)).show()


def give(asking: Asking, username: str, password: str, hashed: str) -> Act:
    book.give_password(asking.conn, asking.viewer, username, hashed, asking.now)
    asking.parts.sessions.forget_all()
    closed = (ids.dialog(layout.GIVING), {"opened": False})
    return Act([*shown(asking, username, password).sets, closed], changed=True)
