"""What a thing was, by whom and why, and the way back. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dash import html

from app.dashboard import texts
from app.dashboard.components import clock_time
from app.pages import ids
from app.pages.parts import action

SHOWN = 50
# whose name stands at what came with the software
SEEDED = "seed"


@dataclass(frozen=True, slots=True)
class History:
    """How versions of a kind of thing are told: the family of its fields' names, which of them one version changed
    after another, whether going back to one would change anything, and the button that does."""

    family: str
    changed: Callable[[Any, Any], list[str]]
    differs: Callable[[Any, Any], bool]
    take: Callable[[int], ids.Key]


def versions_view(history: History, versions: Sequence[Any], *, may_change: bool) -> html.Details:
    """The newest first; each says what it changed. A version can be taken back to but for the one that stands."""
    older = [*versions[1:], None]
    listed = [
        version_view(history, one, before, may_take=may_change and history.differs(one, versions[0]))
        for one, before in zip(versions[:SHOWN], older, strict=False)
    ]
    more = [html.P(texts.both("rules.versions.more", n=SHOWN), className="quiet")] if len(versions) > SHOWN else []
    return html.Details(
        [
            html.Summary([*texts.both("rules.versions"), f" {len(versions)}"]),
            html.Ol(listed, className="accesses"),
            *more,
        ],
        className="versions",
    )


def version_view(history: History, one: Any, before: Any, *, may_take: bool) -> html.Li:
    head = html.Div(
        [
            html.B([*texts.both("rules.version"), f" {one['version']}"]),
            html.Span(texts.known("rules.what", one["what"])),
            html.Span(who_words(one["who"]), className="quiet"),
            html.Span(clock_time(one["time"]), className="quiet"),
        ],
        className="line",
    )
    changed = [] if before is None else history.changed(one, before)
    told = (
        [html.Div([*texts.both("rules.versions.changed"), *joined(history.family, changed)], className="quiet")]
        if changed
        else []
    )
    why = [html.Div(one["why"], className="why")] if one["why"] else []
    take = action(history.take(one["version"]), "rules.take_back", small=True, data_key=f"take-back-{one['version']}")
    return html.Li([html.Div([head, *told, *why]), *([take] if may_take else [])])


def who_words(who: str | None) -> list[Any]:
    """Who changed it: a person by their account, or the system where it came so."""
    return texts.both("rules.system") if who in (None, SEEDED) else [who]


def joined(family: str, names: Sequence[str]) -> list[Any]:
    words: list[Any] = []
    for n, name in enumerate(names):
        words += [*(texts.both("rules.and") if n else []), *texts.known(family, name)]
    return words
