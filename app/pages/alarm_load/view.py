"""The figures as components: each beside what is thought bearable. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from alerts.figures import AlarmMetrics, Frequent, Rate, Shift
from app.dashboard import texts
from app.dashboard.components import clock_time
from app.pages.parts import lamp
from core.vocabulary import Text

LEVELS = ("1", "2", "3", "4")


def figures_view(found: AlarmMetrics) -> list[Any]:
    limits = found["limits"]
    return [
        html.P(
            [*texts.both("load.of"), " ", clock_time(found["start"]), " – ", clock_time(found["end"])],
            className="quiet",
        ),
        table("load.rate", rate_head(), rate_rows(found["raw"], found["lines"], limits)),
        table("load.quality", ["load.figure", "load.value", "load.bearable", "load.judged"], quality_rows(found)),
        table(
            "load.shifts",
            ["load.shift", "load.raw", "load.floods", "load.most", "load.lines", "load.lines.most"],
            [shift_row(one) for one in found["shifts"]],
        ),
        table(
            "load.top",
            ["load.alarm", "load.rule", "load.count", "load.share"],
            [frequent_row(one) for one in found["top"]],
        ),
        table(
            "load.chattering",
            ["load.alarm", "load.rule", "load.count", "load.share"],
            [frequent_row(one) for one in found["chattering"]],
        ),
    ]


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> html.Section:
    """A small table under its heading; one without rows says so."""
    if not rows:
        return html.Section([html.H2(texts.both(title)), html.P(texts.both("load.none"), className="quiet")])
    return html.Section(
        [
            html.H2(texts.both(title)),
            html.Div(
                html.Table(
                    [
                        html.Thead(html.Tr([html.Th(texts.both(key), scope="col") for key in head])),
                        html.Tbody([html.Tr([html.Td(cell) for cell in row]) for row in rows]),
                    ]
                ),
                className="load-table",
            ),
        ]
    )


def rate_head() -> list[str]:
    return ["load.figure", "load.raw", "load.lines", "load.bearable", "load.judged"]


def rate_rows(raw: Rate, lines: Rate, limits: dict[str, dict[str, Any]]) -> list[list[Any]]:
    """Raw annunciations beside new lines of the list; judged is what a person saw: the lines."""
    flood, most, mean = limits["flood"], limits["rate"]["most"], limits["rate"]["acceptable"]
    return [
        [texts.both("load.count"), number(raw["count"]), number(lines["count"]), "", ""],
        [
            texts.both("load.mean"),
            f"{raw['mean']:g}",
            f"{lines['mean']:g}",
            f"≤ {mean:g}",
            judged(lines["mean"] <= mean),
        ],
        [
            texts.both("load.max"),
            number(raw["max"]),
            number(lines["max"]),
            f"≤ {flood['above']}",
            judged(lines["max"] <= flood["above"]),
        ],
        [texts.both("load.over_most", n=most), number(raw["over_most"]), number(lines["over_most"]), "", ""],
        [texts.both("load.floods", n=flood["above"]), number(raw["floods"]), number(lines["floods"]), "", ""],
        [
            texts.both("load.flood_share"),
            share(raw["flood_share"]),
            share(lines["flood_share"]),
            f"≤ {share(flood['share'])}",
            judged(lines["flood_share"] <= flood["share"]),
        ],
    ]


def quality_rows(found: AlarmMetrics) -> list[list[Any]]:
    limits, answered = found["limits"], found["acknowledged"]
    wanted = limits["priorities"]
    split = found["priorities"]
    rows = [
        [
            texts.both("load.top_share", n=limits["top"]["count"]),
            share(found["top_share"]),
            f"≤ {share(limits['top']['share'])}",
            judged(found["top_share"] <= limits["top"]["share"]),
        ],
        [texts.both("load.chattering"), number(len(found["chattering"])), "0", judged(not found["chattering"])],
        [
            texts.both("load.stale"),
            number(found["stale"]),
            f"< {limits['stale']['count']}",
            judged(found["stale"] < limits["stale"]["count"]),
        ],
        [texts.both("load.levels"), " / ".join(number(found["levels"][one]) for one in LEVELS), "", ""],
        [
            texts.both("load.priorities"),
            " / ".join(share(split[one]) for one in ("low", "medium", "high")),
            " / ".join(share(wanted[one]) for one in ("low", "medium", "high")),
            "",
        ],
        [texts.both("load.acknowledged"), f"{answered['acknowledged']:,} / {answered['alarms']:,}", "", ""],
        [texts.both("load.never"), number(answered["never"]), "", ""],
        [texts.both("load.median"), seconds(answered["median_s"]), "", ""],
        [texts.both("load.p95"), seconds(answered["p95_s"]), "", ""],
    ]
    if answered["by_operator"] is not None:
        rows.append([texts.both("load.by_operator"), number(answered["by_operator"]), "", ""])
    return rows


def shift_row(one: Shift) -> list[Any]:
    raw, lines = one["raw"], one["lines"]
    when = [clock_time(one["start"]), " – ", clock_time(one["end"])]
    return [
        when,
        number(raw["count"]),
        number(raw["floods"]),
        number(raw["max"]),
        number(lines["count"]),
        number(lines["max"]),
    ]


def frequent_row(one: Frequent) -> list[Any]:
    return [texts.pair(one["names"]), texts.pair(one["rule_names"]), number(one["count"]), share(one["share"])]


def judged(well: bool) -> Any:
    return lamp("fresh", "load.well") if well else lamp("dead", "load.beyond")


def number(value: float) -> str:
    return f"{value:,}"


def share(value: float) -> str:
    return f"{value * 100:.1f} %"


def seconds(value: float | None) -> Any:
    if value is None:
        return texts.both("load.unknown")
    key, divisor = ("unit.s", 1) if value < 120 else ("unit.min", 60) if value < 7200 else ("unit.h", 3600)
    told: Text = texts.entry(key, n=f"{value / divisor:.0f}")
    return texts.pair(told)
