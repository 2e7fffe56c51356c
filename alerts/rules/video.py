"""Kind `video_event`: cameras that tell of smoke, fire, water: of some classes, with a score, in a zone, for a time.

Events of a camera that come within `quiet_s` of each other are one: it begins with the first, its level may rise while
it lasts, and it is over when `quiet_s` have passed without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, text

from alerts.rules.base import Finding, RuleKind, RuleParams, RuleRow, Thing, watches
from alerts.rules.standing import Held, LastingStep, Moment, level_after
from core.pgarray import to_pg_us
from core.vocabulary import UNJUDGED, label, sql_list

# no run is looked at from further back
LOOKED_AT = timedelta(hours=6)


class VideoEventParams(RuleParams):
    kinds: tuple[str, ...] = Field(min_length=1, description="classes of events, as video_kinds names them")
    score: float = Field(0.5, ge=0, le=1, description="less sure ones do not count; one without a score does")
    zones: tuple[str, ...] = Field((), description="only of these zones of the picture")
    events: int = Field(1, ge=1, le=1000, description="so many at least")
    hold_s: float = Field(0, ge=0, le=3600, description="from the first to the last of them at least so long")
    quiet_s: float = Field(600, ge=1, le=86_400, description="over when so long none has come")
    steps: tuple[LastingStep, ...] = Field((LastingStep(level=2),), min_length=1)


# events in runs; of each camera the last run
_RUNS = text(f"""
WITH told AS (
  SELECT camera_id, kind, score, time, GREATEST(time, ended_at, revised_at) AS until
  FROM video_event
  WHERE time > CAST(:now AS timestamptz) - CAST(:back AS interval) AND time <= :now AND received_at <= :now
    AND kind = ANY(:kinds) AND COALESCE(score, 1) >= :score AND quality NOT IN {sql_list(UNJUDGED)}
    AND (CAST(:zones AS text[]) = '{{}}' OR zone = ANY(:zones))
), apart AS (
  SELECT *, time - lag(until) OVER (PARTITION BY camera_id ORDER BY time, until) > CAST(:quiet AS interval) AS anew
  FROM told
), runs AS (
  SELECT *, count(*) FILTER (WHERE anew) OVER (PARTITION BY camera_id ORDER BY time, until) AS run FROM apart
), last AS (
  SELECT DISTINCT ON (camera_id) camera_id, min(time) AS began, max(until) AS until, count(*) AS events,
    max(score) AS score, (array_agg(kind ORDER BY score DESC NULLS LAST, time DESC))[1] AS kind
  FROM runs GROUP BY camera_id, run ORDER BY camera_id, run DESC
)
SELECT l.*, c.name_zh, c.name_en, c.district, ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat
FROM last l JOIN camera c ON c.id = l.camera_id
WHERE l.until > CAST(:now AS timestamptz) - CAST(:quiet AS interval) AND l.events >= :events
  AND l.until - l.began >= CAST(:hold AS interval)
ORDER BY l.camera_id
""")


def stands(conn: Connection, rule: RuleRow, moment: Moment, held: Sequence[Held]) -> list[Finding]:
    params: VideoEventParams = rule.params
    given = {
        "now": moment.now,
        "back": LOOKED_AT,
        "kinds": list(params.kinds),
        "score": params.score,
        "zones": list(params.zones),
        "quiet": timedelta(seconds=params.quiet_s),
        "events": params.events,
        "hold": timedelta(seconds=params.hold_s),
    }
    found = (_finding(rule, row, moment) for row in conn.execute(_RUNS, given))
    return [one for one in found if one is not None and watches(rule, one.thing)]


def _finding(rule: RuleRow, row: Any, moment: Moment) -> Finding | None:
    level = level_after(rule.params.steps, (moment.now - row.began).total_seconds())
    if level is None:
        return None
    names = {"zh": row.name_zh, "en": row.name_en}
    thing = Thing("camera", row.camera_id, names, row.district, row.lon, row.lat)
    fields = {"what": label("video_kinds", row.kind), "count": row.events}
    template = "alarm.video"
    if row.score is not None:
        template, fields = "alarm.video_score", {**fields, "score": f"{100 * row.score:.0f}"}
    return Finding(rule, thing, level, None, row.score, None, to_pg_us(row.until), None, template, fields)


VIDEO_EVENT = RuleKind(
    "video_event", VideoEventParams, lambda rule: (), stands=stands, wakes=("video_event",), every_s=1.0
)
