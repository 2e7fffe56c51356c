"""Kind `outside_warning`: a warning of others (CAP 1.2) that is in force and whose area touches the city.

Its level is that of the bureau's colour, else of what severity the sender makes of it. The alarm is of the chain: an
update changes it, a cancellation or the end of the warning ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field
from shapely import from_geojson
from sqlalchemy import Connection, text

from alerts.rules.base import Finding, RuleKind, RuleParams, RuleRow, Thing
from alerts.rules.standing import Held, Moment
from alerts.warnings import Warning, read_warnings, touches
from core.pgarray import to_pg_us
from core.types import UNKNOWN_DISTRICT


class OutsideWarningParams(RuleParams):
    level: int = Field(4, ge=1, le=4, description="warnings of this level or worse")
    unstated: int = Field(4, ge=1, le=4, description="the level of one that says neither colour nor severity")
    words: tuple[str, ...] = Field((), description="only events that contain one of these words")
    districts: tuple[str, ...] = Field((), description="areas that touch these districts; default the whole city")
    without_area: bool = Field(True, description="one that names no area counts as touching us")


_AREAS = text("""
SELECT code, ST_AsGeoJSON(geom, 6) AS shape FROM district WHERE CAST(:codes AS text[]) = '{}' OR code = ANY(:codes)
ORDER BY code
""")
_ROOTS = text("""
SELECT sender || ',' || identifier AS key, refs FROM warning WHERE received_at <= :at AND sender = ANY(:senders)
""")


def stands(conn: Connection, rule: RuleRow, moment: Moment, held: Sequence[Held]) -> list[Finding]:
    params: OutsideWarningParams = rule.params
    warnings = [one for one in read_warnings(conn, moment.now) if _is_meant(one, params)]
    if not warnings:
        return []
    areas = [(row.code, from_geojson(row.shape)) for row in conn.execute(_AREAS, {"codes": list(params.districts)})]
    roots = _roots(conn, warnings, moment.now)
    found: dict[str, Finding] = {}
    for one in warnings:
        touched = [code for code, area in areas if touches(one, area)]
        if not touched and not (params.without_area and not one["shape"]):
            continue
        level = one["level"] or params.unstated
        root = roots[f"{one['sender']},{one['identifier']}"]
        thing = Thing(
            "warning",
            root,
            one["names"],
            touched[0] if len(touched) == 1 else UNKNOWN_DISTRICT,
            one["lon"],
            one["lat"],
        )
        at = to_pg_us(datetime.fromisoformat(one["sent"]))
        finding = Finding(
            rule,
            thing,
            level,
            None,
            None,
            None,
            at,
            None,
            "alarm.outside",
            {"sender": one["sender_name"] or one["sender"]},
        )
        if root not in found or (found[root].level or 9) > level:
            found[root] = finding
    return list(found.values())


def _is_meant(warning: Warning, params: OutsideWarningParams) -> bool:
    said = f"{warning['event'] or ''} {warning['headline'] or ''}".lower()
    grave = (warning["level"] or params.unstated) <= params.level
    return grave and (not params.words or any(word.lower() in said for word in params.words))


def _roots(conn: Connection, warnings: Sequence[Warning], at: datetime) -> dict[str, str]:
    """sender,identifier of each warning -> that of the first of its chain (CAP 1.2 section 3.2.1, references)."""
    senders = sorted({one["sender"] for one in warnings})
    before = {row.key: row.refs for row in conn.execute(_ROOTS, {"at": at, "senders": senders})}
    roots: dict[str, str] = {}
    for one in warnings:
        key = f"{one['sender']},{one['identifier']}"
        seen, first = {key}, key
        while known := [ref for ref in before.get(first, ()) if ref in before and ref not in seen]:
            first = min(known)
            seen.add(first)
        roots[key] = first
    return roots


OUTSIDE_WARNING = RuleKind(
    "outside_warning", OutsideWarningParams, lambda rule: (), stands=stands, wakes=("warning",), every_s=10.0
)
