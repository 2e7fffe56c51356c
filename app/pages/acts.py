"""What a press leads to, for all pages: one function through the door, then what is set on the page, said, and read
anew.

    acts = Acts(app, door)
    acts.cells(listing.TABLE.key, open=open_source, switch=switch)      # presses in the cells of a table
    acts.button(SourcesId.ADD, open_new)                                # open_new(asking, press) -> Act
    acts.button(ids.press(KEY, "retire"), retire, ids.held(KEY))        # with the state of another component
    acts.closes(KEY, SourcesId.DETAIL)

Callbacks have no Output: what an act sets may be there for some people only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import Dash, Input, State, ctx, html, set_props
from dash.exceptions import PreventUpdate

from app.asking import Asking, Door
from app.pages import ids
from core.clock import utc_now

Target = str | ids.Key
Setting = tuple[Target, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Press:
    """`what` was pressed: the id of the button, or what the cell says; `given`: the states that were asked for, in
    their order."""

    what: Mapping[str, Any]
    given: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """What is set on the page (`(id, {property: value})`), what is said, and whether tables and counts read anew."""

    sets: Sequence[Setting] = ()
    toast: html.Div | None = None
    changed: bool = False

    def show(self) -> None:
        for target, properties in self.sets:
            set_props(target, dict(properties))
        if self.toast is not None:
            set_props(ids.Id.TOASTS.value, {"children": self.toast})
        if self.changed:
            set_props(ids.Id.CHANGED.value, {"data": utc_now().isoformat()})


Work = Callable[[Asking, Press], Act]
Words = Callable[[Asking, Press], Any]


def fills(target: Target, children: Any) -> Setting:
    return target, {"children": children}


def opens(dialog: str, words: Any) -> Act:
    """A dialog with what it says."""
    return Act([(ids.dialog(dialog), {"opened": True}), fills(ids.dialog_part(dialog, "words"), words)])


def empties(target: Target) -> Setting:
    return target, {"children": []}


@dataclass(frozen=True, slots=True)
class Acts:
    """Binds what can be pressed on a page to what is done."""

    app: Dash
    door: Door

    def button(self, button: Target, work: Work, *states: State) -> None:
        """A button, or all that fit a pattern of ids (`{"letters": "replay", "group": ALL}`)."""

        @self.app.callback(Input(button, "n_clicks"), *states, prevent_initial_call=True)
        async def pressed(_: Any, *given: Any) -> None:
            # a button that has only just been drawn fires as well
            if not ctx.triggered[0].get("value"):
                raise PreventUpdate
            which = ctx.triggered_id if isinstance(ctx.triggered_id, dict) else {}
            (await self.door.ask(work, Press(which, given))).show()

    def closes(self, form: str, pane: Target) -> None:
        """The button that empties the pane of a form."""
        self.button(ids.press(form, "close"), lambda asking, press: Act([empties(pane)]))

    def cells(self, table: str, **works: Work) -> None:
        """What is pressed in the cells of a table, by the name that the cell says (`tables.press`, `tables.switch`)."""

        @self.app.callback(Input(ids.grid(table), "cellRendererData"), prevent_initial_call=True)
        async def pressed(data: Mapping[str, Any] | None) -> None:
            told: Mapping[str, Any] = (data or {}).get("value") or {}
            work = works.get(str(told.get("press")))
            if work is None:
                raise PreventUpdate
            (await self.door.ask(work, Press(told))).show()

    def follows(self, table: str, work: Work, *filters: str) -> None:
        """Done whenever the table is read anew, or one of these filters changes; `given` are the filters' values."""
        inputs = [Input(ids.narrow(table, name), "value") for name in filters]

        @self.app.callback(Input(ids.grid(table), "getRowsRequest"), *inputs, prevent_initial_call=True)
        async def read_anew(_: Any, *given: Any) -> None:
            (await self.door.ask(work, Press({}, given))).show()

    def selection(self, table: str, *buttons: str) -> None:
        """Buttons for the rows selected: of no use while there are none."""

        @self.app.callback(Input(ids.grid(table), "selectedRows"), prevent_initial_call=True)
        async def select(rows: Sequence[Mapping[str, Any]] | None) -> None:
            Act([(button, {"disabled": not rows}) for button in buttons]).show()

    def asked_twice(
        self, button: Target, dialog: str, words: Callable[[Press], Any], work: Work, *states: State
    ) -> None:
        """A press that cannot be undone: `parts.dialog` says what is about to happen, and its button does it."""
        self.asked_with_effect(button, dialog, lambda _, press: words(press), work, *states)

    def asked_with_effect(self, button: Target, dialog: str, words: Words, work: Work, *states: State) -> None:
        """`asked_twice` with words that say what would come of it, as it stands now."""

        def ask(asking: Asking, press: Press) -> Act:
            return opens(dialog, words(asking, press))

        def stay(_: Asking, __: Press) -> Act:
            return Act([(ids.dialog(dialog), {"opened": False})])

        def go(asking: Asking, press: Press) -> Act:
            done = work(asking, press)
            return Act([*done.sets, (ids.dialog(dialog), {"opened": False})], done.toast, done.changed)

        self.button(button, ask, *states)
        self.button(ids.dialog_part(dialog, "stay"), stay)
        self.button(ids.dialog_part(dialog, "go"), go, *states)
