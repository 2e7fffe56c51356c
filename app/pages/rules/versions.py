"""What a rule was, by whom and why, and the way back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from alerts.rules.administer import RuleVersion
from app.dashboard import texts
from app.dashboard.components import clock_time
from app.pages import ids
from app.pages.parts import action
from app.pages.rules.fields import FAMILY, name_of

# of a version, what may differ from the one before
PARTS = ("names", "alarm_kind", "watches", "params", "enabled")
SHOWN = 50
# whose name stands at what came with the software
SEEDED = "seed"


def versions_view(versions: Sequence[RuleVersion], *, may_change: bool) -> html.Details:
    """The newest first; each says what it changed. A version can be taken back to but for the one that stands."""
    older = [*versions[1:], None]
    listed = [
        version_view(one, before, may_take=may_change and differs(one, versions[0]))
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


def version_view(one: RuleVersion, before: RuleVersion | None, *, may_take: bool) -> html.Li:
    head = html.Div(
        [
            html.B([*texts.both("rules.version"), f" {one['version']}"]),
            html.Span(texts.known("rules.what", one["what"])),
            html.Span(who_words(one["who"]), className="quiet"),
            html.Span(clock_time(one["time"]), className="quiet"),
        ],
        className="line",
    )
    changed = [] if before is None else changed_parts(one, before)
    told = [html.Div([*texts.both("rules.versions.changed"), *joined(changed)], className="quiet")] if changed else []
    why = [html.Div(one["why"], className="why")] if one["why"] else []
    take = action(ids.take_back(one["version"]), "rules.take_back", small=True, data_key=f"take-back-{one['version']}")
    return html.Li([html.Div([head, *told, *why]), *([take] if may_take else [])])


def who_words(who: str | None) -> list[Any]:
    """Who changed it: a person by their account, or the system where it came so."""
    return texts.both("rules.system") if who in (None, SEEDED) else [who]


def differs(one: RuleVersion, now: RuleVersion) -> bool:
    """Whether going back to it would change anything; armed or not is no part of that."""
    return any(one[name] != now[name] for name in PARTS if name != "enabled")  # type: ignore[literal-required]


def changed_parts(one: RuleVersion, before: RuleVersion) -> list[str]:
    """Names of what is different: parameters each by its own."""
    found: list[str] = []
    for name in PARTS:
        if one[name] == before[name] or name == "enabled":  # type: ignore[literal-required]
            continue
        if name != "params":
            found.append(name)
            continue
        mine, theirs = one["params"], before["params"]
        found += [name_of(one["kind"], key) for key in sorted({*mine, *theirs}) if mine.get(key) != theirs.get(key)]
    return found


def joined(names: Sequence[str]) -> list[Any]:
    words: list[Any] = []
    for n, name in enumerate(names):
        words += [*(texts.both("rules.and") if n else []), *texts.known(FAMILY, name)]
    return words
