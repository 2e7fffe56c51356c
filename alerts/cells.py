"""Giving the H3 cells of the city their risk: each by the worst hazard that reaches it, written where it has moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import h3
import numpy as np
import orjson
from numpy.typing import NDArray
from shapely import contains_xy
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.ground import Ground, read_ground
from alerts.risk import arithmetic as sums
from alerts.risk.arithmetic import Numbers, Weighed, level_of
from alerts.risk.terms import (
    JOINED,
    SENSITIVE,
    Hazard,
    Risk,
    Term,
    combine,
    confidence_in,
    coping_terms,
    frail_in,
    hazard_terms,
    hour_term,
    people_term,
    points_of,
    weather_term,
    who_of,
)
from alerts.risk.words import band_json
from alerts.scoring import MOVED, WRITE_RISK, alarm_hazard, incident_hazard
from alerts.setting import LIGHTEST, Setting, coping_of, read_setting
from core import nouns, set_aside
from core.cells import city_cells
from core.db import notify_change
from core.geodesy import distances_m
from core.i18n import say
from core.scope import Classification, alarm_classification
from core.types import LonLat
from core.vocabulary import DONE_INCIDENT, REACH_M, Text, label, sql_list, table

# a hazard of which less is left reaches no further
FAINTEST = 0.1
WRITE_CELLS = text("""
INSERT INTO risk_cell (cell, score, level, terms, people, districts, scored_at, placed)
VALUES (:cell, :score, :level, CAST(:terms AS jsonb), :people, :districts, :now, CAST(:placed AS jsonb))
ON CONFLICT (cell) DO UPDATE SET score = EXCLUDED.score, level = EXCLUDED.level, terms = EXCLUDED.terms,
  people = EXCLUDED.people, districts = EXCLUDED.districts, scored_at = EXCLUDED.scored_at, placed = EXCLUDED.placed
""")
_HELD = text("SELECT cell, score, level, terms->0->'text' AS says FROM risk_cell")
_TOUCHED = text("""
SELECT c.cell, array_agg(d.code ORDER BY d.code) AS districts
FROM unnest(CAST(:cells AS text[]), CAST(:shapes AS text[])) AS c (cell, shape)
JOIN district d ON ST_Intersects(d.geom, ST_GeomFromText(c.shape, 4326)) GROUP BY c.cell
""")
_PUT_DISTRICTS = text("""
UPDATE risk_cell r SET districts = n.districts
FROM (SELECT c.cell, COALESCE(string_to_array(NULLIF(c.codes, ''), ','), '{}') AS districts
  FROM unnest(CAST(:cells AS text[]), CAST(:codes AS text[])) AS c (cell, codes)) AS n
WHERE r.cell = n.cell AND r.districts <> n.districts
RETURNING r.cell
""")


@dataclass(frozen=True, slots=True)
class CellGround:
    """What does not change about the cells of the city: where they are, who lives and works there, what is sensitive,
    which districts they touch. All in the order of `cells`."""

    cells: tuple[str, ...]
    districts: tuple[list[str], ...]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    people_day: NDArray[np.float64]
    people_night: NDArray[np.float64]
    buildings: NDArray[np.float64]
    # points of sensitive places, and of those that are a danger themselves
    sensitive: NDArray[np.float64]
    domino: NDArray[np.float64]
    # by day and by night: who cannot help themselves, by group
    frail: tuple[tuple[Mapping[str, int], ...], tuple[Mapping[str, int], ...]]
    # kind -> how many, of the sensitive ones that are open to all; and of the dangerous ones
    facilities: tuple[Mapping[str, int], ...]
    dangers: tuple[Mapping[str, int], ...]
    # indices of each cell and its neighbours; the number of the cells where the city ends
    ring: NDArray[np.intp]
    counted: bool
    facilities_known: bool
    index: Mapping[str, int] = field(repr=False)
    # of the whole city, for its single places
    still: Ground = field(repr=False)


def read_cell_ground(conn: Connection, resolution: int, still: Ground | None = None) -> CellGround | None:
    """Cells that cover the city's districts, with their people; None where there is no city yet."""
    cells = city_cells(conn, resolution)
    if not cells:
        return None
    still = still or read_ground(conn)
    index = {cell: i for i, cell in enumerate(cells)}
    size = len(cells)
    at = cells_of(still.lon, still.lat, resolution, index)
    inside = at >= 0
    people = [
        np.bincount(at[inside], weights=np.nan_to_num(count[inside]), minlength=size).astype(float)
        for count in (still.people_day, still.people_night)
    ]
    sensitive, domino = np.zeros(size), np.zeros(size)
    facilities: list[Counter[str]] = [Counter() for _ in cells]
    dangers: list[Counter[str]] = [Counter() for _ in cells]
    frail: tuple[list[Counter[str]], ...] = ([Counter() for _ in cells], [Counter() for _ in cells])
    for one, i in zip(
        still.facilities, cells_of(still.facility_lon, still.facility_lat, resolution, index), strict=True
    ):
        if i < 0:
            continue
        danger = points_of(one.kind, "domino")
        domino[i] += danger
        sensitive[i] += 0 if danger or points_of(one.kind) < SENSITIVE else points_of(one.kind)
        if points_of(one.kind) >= SENSITIVE and one.classification == Classification.OPEN:
            (dangers if danger else facilities)[i][one.kind] += 1
        group = table("facility_kinds").get(one.kind, {}).get("frail")
        if group is not None:
            for night, count in enumerate((one.people_day, one.people_night)):
                frail[night][i][group] += frail_in(one.kind, count, not night)
    centers = np.array([h3.cell_to_latlng(cell) for cell in cells]).reshape(-1, 2)
    touched = touched_districts(conn, cells)
    return CellGround(
        tuple(cells),
        tuple(touched.get(cell, []) for cell in cells),
        centers[:, 1],
        centers[:, 0],
        people[0],
        people[1],
        np.bincount(at[inside], minlength=size).astype(float),
        sensitive,
        domino,
        (tuple(frail[0]), tuple(frail[1])),
        tuple(facilities),
        tuple(dangers),
        np.array([[index.get(near, size) for near in _ring(cell)] for cell in cells], np.intp),
        still.counted,
        still.facilities_known,
        index,
        still,
    )


def _ring(cell: str) -> list[str]:
    """A cell and its six neighbours; a pentagon has five, and a place that is none."""
    near = list(h3.grid_disk(cell, 1))
    return [*near, *[""] * (7 - len(near))]


def cells_of(
    lons: NDArray[np.float64], lats: NDArray[np.float64], resolution: int, index: Mapping[str, int]
) -> NDArray[np.intp]:
    """In which of the cells points lie; -1 in none."""
    found = (
        index.get(h3.latlng_to_cell(lat, lon, resolution), -1)
        for lon, lat in zip(lons.tolist(), lats.tolist(), strict=True)
    )
    return np.fromiter(found, np.intp, len(lons))


def touched_districts(conn: Connection, cells: Sequence[str]) -> dict[str, list[str]]:
    """Cell -> codes of the districts it touches; cells that touch none are left out."""
    rings = ([*corners, corners[0]] for corners in map(h3.cell_to_boundary, cells))
    shapes = [f"POLYGON(({', '.join(f'{lon:.7f} {lat:.7f}' for lat, lon in ring)}))" for ring in rings]
    return {row.cell: row.districts for row in conn.execute(_TOUCHED, {"cells": list(cells), "shapes": shapes})}


def put_districts(conn: Connection, ground: CellGround) -> None:
    """Cells that are scored already learn which districts they touch: the city, or its districts, are new."""
    given = {"cells": list(ground.cells), "codes": [",".join(codes) for codes in ground.districts]}
    notify_change(conn, "risk_cell", conn.scalars(_PUT_DISTRICTS, given).all())


@dataclass(frozen=True, slots=True)
class Near:
    """A hazard as the cells see it: where it is, what it is called and for whom."""

    hazard: Hazard
    lon: float
    lat: float
    names: Text
    classification: int
    incident: Any = None


def read_hazards(conn: Connection) -> list[Near]:
    """Everything active that may hurt: alarms whose condition holds, and open incidents."""
    rows = conn.execute(
        text(
            f"""
SELECT a.kind, 'alarm' AS type, a.level, '' AS status, a.observed_at AS at, a.names,
  {alarm_classification("a.thing_type", "a.thing_id")} AS classification, ST_X(a.geom) AS lon, ST_Y(a.geom) AS lat,
  i.in_danger, a.incident_id AS incident
FROM alarm a LEFT JOIN incident i ON i.id = a.incident_id
WHERE a.active AND a.state NOT IN ('normal', 'shelved') AND a.geom IS NOT NULL
  AND a.kind NOT IN ('stale', 'source_stale')
UNION ALL
SELECT kind, 'incident', level, status, opened_at, titles, classification, ST_X(geom), ST_Y(geom), in_danger, id
FROM incident WHERE status NOT IN {sql_list(DONE_INCIDENT)} AND geom IS NOT NULL ORDER BY level, at
"""
        )
    )
    return [
        Near(
            alarm_hazard(r.kind, r.level, r.at, r.in_danger)
            if r.type == "alarm"
            else incident_hazard(r.kind, r.level, r.status, r.at, r.in_danger),
            r.lon,
            r.lat,
            r.names,
            r.classification,
            r.incident,
        )
        for r in rows
    ]


def score_cells(conn: Connection, ground: CellGround, now: datetime) -> int:
    """Score every cell by the worst hazard that reaches it; only cells whose score changed are written. Returns how
    many."""
    resolution = h3.get_resolution(ground.cells[0])
    hazards = read_hazards(conn)
    needs = {need for near in hazards for need in near.hazard.capabilities}
    setting = read_setting(conn, now, resolution, needs=needs)
    worst = weigh_cells(ground, setting, hazards)
    held = {r.cell: (r.score, r.level, r.says) for r in conn.execute(_HELD)}
    rows = []
    for i, cell in enumerate(ground.cells):
        try:
            exact = float(worst.score[i])
            level = level_of(round(exact, 2))
            near = hazards[worst.hazard[i]] if worst.hazard[i] >= 0 else None
            says = said_of(near, float(worst.metres[i])) if near else None
            if not has_moved(held.get(cell), exact, level, says):
                continue
            rows.append(_row(ground, setting, worst, i, near, now, level))
        except Exception as exc:  # noqa: BLE001 - a fault about one cell costs that cell's score only
            set_aside.note(conn, "score_cell", cell, exc, now)
    if rows:
        conn.execute(WRITE_CELLS, rows)
        conn.execute(WRITE_RISK, rows)
        notify_change(conn, "risk_cell", [row["cell"] for row in rows])
    return len(rows)


def _row(
    ground: CellGround, setting: Setting, worst: Worst, i: int, near: Near | None, now: datetime, level: int | None
) -> dict[str, Any]:
    cell, score = ground.cells[i], round(float(worst.score[i]), 2)
    counted = int(people_of(ground, setting)[i]) if ground.counted else None
    reasons = cell_terms(ground, setting, worst, i, near) if near else []
    terms = [term.as_json() for term in reasons]
    placed = _placed(worst, i, near, reasons) if near else None
    said = orjson.dumps(terms).decode()
    rest = orjson.dumps({"score": score, "people": counted, **(placed or {})}).decode()
    return {
        "cell": cell,
        "score": score,
        "level": level,
        "terms": said,
        "people": counted,
        "districts": ground.districts[i],
        "placed": orjson.dumps(placed).decode(),
        "now": now,
        "type": "cell",
        "id": cell,
        "version": None,
        "risk": f'{rest[:-1]},"terms":{said}}}',
    }


class Placed(TypedDict):
    """Where in the band of the worst hazard a cell stands; how much of that is left at its distance (`faded` 0-1)."""

    band: nouns.Band
    q: float
    confidence: float
    faded: float


def _placed(worst: Worst, i: int, near: Near, terms: Sequence[Term]) -> Placed:
    sure = float(worst.confidence[i]) * confidence_in(near.hazard, terms)
    return {
        "band": band_json(sums.band_of(near.hazard.level)),
        "q": round(float(worst.q[i]), 3),
        "confidence": round(sure, 2),
        "faded": round(float(worst.faded[i]), 2),
    }


@dataclass(frozen=True, slots=True)
class Worst:
    """For each cell the hazard that counts most there (-1: none reaches it), what it counts, where in its band it is,
    how much of that is known, how far it is, how much of it is left, and how many incidents near compete with it."""

    hazard: NDArray[np.intp]
    score: NDArray[np.float64]
    q: NDArray[np.float64]
    confidence: NDArray[np.float64]
    metres: NDArray[np.float64]
    faded: NDArray[np.float64]
    competing: NDArray[np.float64]


def weigh_cells(ground: CellGround, setting: Setting, hazards: Sequence[Near]) -> Worst:
    """All cells under all hazards, by the functions that score a single place. Pure."""
    size = len(ground.cells)
    worst = Worst(np.full(size, -1, np.intp), *(np.zeros(size) for _ in range(6)))
    still = still_values(ground, setting)
    help_for: dict[tuple[str, ...], tuple[Mapping[str, NDArray[np.float64]], NDArray[np.float64]]] = {}
    etas = etas_of(ground, setting)
    for k, near in enumerate(hazards):
        hazard = near.hazard
        metres = distances_m(near.lon, near.lat, ground.lon, ground.lat)
        faded = np.exp(-np.maximum(0.0, metres - hazard.radius_m) / max(hazard.radius_m, REACH_M))
        reached = np.flatnonzero(faded > FAINTEST)
        if not len(reached):
            continue
        needs = hazard.capabilities
        if needs not in help_for:
            help_for[needs] = help_values(ground, setting, etas, needs), competing_counts(ground, setting, needs)
        help_, counts = help_for[needs]
        competing = (counts - own_counts(ground, setting, near))[reached]
        values = {name: value[reached] for name, value in {**still, **help_}.items()}
        values["people"] = people_values(ground, setting, near, reached)
        values["competing"] = _array(sums.linear(competing, sums.scale("competing")))
        inside = faded[reached] >= 1.0
        weighed = sums.weigh(
            values, hazard.level, sums.factor_of(hazard.certainty), life=inside if hazard.at_stake else False
        )
        _keep_worst(worst, k, reached, weighed, metres, faded, competing)
    return worst


def _keep_worst(
    worst: Worst,
    k: int,
    reached: NDArray[np.intp],
    weighed: Weighed,
    metres: NDArray[np.float64],
    faded: NDArray[np.float64],
    competing: NDArray[np.float64],
) -> None:
    score = np.asarray(weighed.score) * faded[reached]
    graver = score > worst.score[reached]
    at = reached[graver]
    worst.hazard[at] = k
    worst.score[at] = score[graver]
    worst.q[at] = np.broadcast_to(weighed.q, score.shape)[graver]
    worst.confidence[at] = np.broadcast_to(weighed.confidence, score.shape)[graver]
    worst.metres[at] = metres[at]
    worst.faded[at] = faded[at]
    worst.competing[at] = competing[graver]


def people_of(ground: CellGround, setting: Setting) -> NDArray[np.float64]:
    return ground.people_day if setting.day else ground.people_night


def still_values(ground: CellGround, setting: Setting) -> dict[str, NDArray[np.float64]]:
    """Terms of all cells that are the same under every hazard."""
    unknown = np.full(len(ground.cells), np.nan)
    frail = np.array([sum(groups.values()) for groups in ground.frail[0 if setting.day else 1]], float)
    known = ground.facilities_known
    return {
        "buildings": _array(sums.linear(ground.buildings, sums.scale("buildings"))),
        "facilities": _array(sums.linear(ground.sensitive, sums.scale("facilities"))) if known else unknown,
        "domino": _array(sums.linear(ground.domino, sums.scale("domino"))) if known else unknown,
        "who": _array(sums.logarithmic(frail, sums.scale("who"))) if known else unknown,
        "hour": np.full(len(ground.cells), hour_term(setting.now, setting.zone).value),
        "weather": weather_values(ground, setting),
    }


def weather_values(ground: CellGround, setting: Setting) -> NDArray[np.float64]:
    if not setting.warnings_known:
        return np.full(len(ground.cells), np.nan)
    levels = table("risk_terms")["weather"]["levels"]
    values = np.full(len(ground.cells), float(levels["none"]))
    for one in setting.warnings:
        over = True if one.shape is None else contains_xy(one.shape, ground.lon, ground.lat)
        values = np.where(over, np.maximum(values, float(levels[str(one.level or LIGHTEST)])), values)
    return values


def people_values(ground: CellGround, setting: Setting, near: Near, reached: NDArray[np.intp]) -> NDArray[np.float64]:
    """Whoever is in danger is so in the cell of the hazard."""
    home = reached == at_home(ground, setting, near)
    endangered = sums.scale("people", "danger_counts") * near.hazard.endangered * home
    if not ground.counted:
        return np.where(endangered > 0, _array(sums.logarithmic(endangered, sums.scale("people"))), np.nan)
    return _array(sums.logarithmic(people_of(ground, setting)[reached] + endangered, sums.scale("people")))


def at_home(ground: CellGround, setting: Setting, near: Near) -> int:
    return ground.index.get(h3.latlng_to_cell(near.lat, near.lon, setting.resolution), -1)


def etas_of(ground: CellGround, setting: Setting) -> dict[str, NDArray[np.float64]]:
    """Capability -> seconds to each cell: infinite where nobody can come, NaN where nobody has computed it."""
    found = {capability: np.full(len(ground.cells), np.nan) for capability in table("capabilities")}
    for cell, reaches in setting.coverage.items():
        i = ground.index.get(cell)
        if i is None:
            continue
        for capability, reach in reaches.items():
            if capability in found:
                found[capability][i] = np.inf if reach.eta_s is None else reach.eta_s
    return found


def help_values(
    ground: CellGround, setting: Setting, etas: Mapping[str, NDArray[np.float64]], needs: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Of all cells: the nearest unit that brings some of what is needed, the last of all of it, the mean around."""
    unknown = np.full(len(ground.cells), np.nan)
    times = np.array([etas.get(need, unknown) for need in needs]).reshape(len(needs), -1)
    first = np.fmin.reduce(times) if len(needs) else unknown
    last = np.where(np.isnan(first), np.nan, np.max(np.where(np.isnan(times), np.inf, times), axis=0, initial=0.0))
    around = np.append(first, np.nan)[ground.ring]
    there = np.isfinite(around)
    count = there.sum(axis=1)
    mean = np.where(count > 0, np.where(there, around, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
    full_s = sums.scale("nearest_unit", "full_s")
    return {
        "nearest_unit": _array(sums.rooted(first, full_s)),
        "all_needed": _array(sums.rooted(last, full_s)),
        "coverage": _array(sums.rooted(mean, full_s)),
    }


def competing_counts(ground: CellGround, setting: Setting, needs: Sequence[str]) -> NDArray[np.float64]:
    """How many incidents near each cell need some of the same."""
    counts = np.zeros(len(ground.cells))
    for j in setting.others.needing(needs):
        counts += incident_near(ground, setting, int(j))
    return counts


def incident_near(ground: CellGround, setting: Setting, j: int) -> NDArray[np.bool_]:
    metres = distances_m(float(setting.others.lon[j]), float(setting.others.lat[j]), ground.lon, ground.lat)
    near: NDArray[np.bool_] = metres <= sums.scale("competing", "within_m")
    return near


def own_counts(ground: CellGround, setting: Setting, near: Near) -> Numbers:
    """The hazard's own incident competes with nobody."""
    own = setting.others.index.get(near.incident)
    if own is None or setting.others.needs[own].isdisjoint(near.hazard.capabilities):
        return 0.0
    return incident_near(ground, setting, own).astype(float)


def _array(values: Numbers) -> NDArray[np.float64]:
    return np.atleast_1d(np.asarray(values, float))


# the last score before the retention stays: it is what was shown when it began
OLD_SCORES = text("SELECT forget_cell_scores(:before, :most)")
FORGOTTEN_AT_ONCE = 50_000


def forget_scores(conn: Connection, before: datetime) -> int:
    """Take old scores of cells away, a bounded number at once; those of alarms and incidents stay with their
    histories."""
    return conn.scalar(OLD_SCORES, {"before": before, "most": FORGOTTEN_AT_ONCE}) or 0


def has_moved(
    held: tuple[float, int | None, Text | None] | None, exact: float, level: int | None, says: Text | None
) -> bool:
    """Whether a cell's score is worth showing anew: never shown, by a tenth, into another band, or of something
    else."""
    return held is None or abs(exact - held[0]) >= MOVED or (level, says) != held[1:]


def said_of(near: Near, distance: float) -> Text:
    """What the hazard is and how far: whoever sees the cell is not told the name of what is not for all."""
    if near.classification > Classification.OPEN:
        return say("risk.near_unnamed", distance=round(distance))
    return say("risk.near", distance=round(distance), name=near.names)


def said_of_facilities(counts: Mapping[str, int], none: str = "risk.cell.facilities.none") -> Text:
    """How many of which sensitive places: 学校 1 所、医院 1 家."""
    if not counts:
        return say(none)
    said = [
        say("risk.cell.facility", kind=label("facility_kinds", kind), n=counted(kind, n)) for kind, n in counts.items()
    ]
    return {lang: sign.join(words[lang] for words in said) for lang, sign in JOINED.items()}


def counted(kind: str, n: int) -> Text:
    return {"zh": f"{n} {table('facility_kinds').get(kind, {}).get('counter', '处')}", "en": str(n)}


def cell_terms(ground: CellGround, setting: Setting, worst: Worst, i: int, near: Near) -> list[Term]:
    """The reasons of one cell's score: those of a place, said of the cell."""
    hazard, faded = near.hazard, float(worst.faded[i])
    metres = round(float(worst.metres[i]))
    first = Term(
        "hazard",
        round(sums.FULL * faded, 1),
        said_of(near, metres),
        {"distance_m": metres, "faded": round(faded, 2)},
    )
    return [
        first,
        *(term for term in hazard_terms(felt(hazard, faded)) if term.name != "age"),
        *_exposed(ground, setting, i, near),
        *_frail(ground, setting, i),
        *_help(ground, setting, i, near, int(worst.competing[i])),
    ]


def felt(hazard: Hazard, faded: float) -> Hazard:
    """Whose life is at stake lies within the footprint."""
    return hazard if faded >= 1 else replace(hazard, in_danger=0)


def score_cell(ground: CellGround, setting: Setting, worst: Worst, i: int, near: Near) -> Risk:
    """One cell under its worst hazard, alone: its score is what is left of this at its distance. What is counted for
    all cells at once must be the same."""
    return combine(felt(near.hazard, float(worst.faded[i])), cell_terms(ground, setting, worst, i, near))


def _exposed(ground: CellGround, setting: Setting, i: int, near: Near) -> list[Term]:
    endangered = near.hazard.endangered if at_home(ground, setting, near) == i else 0
    people = int(people_of(ground, setting)[i]) if ground.counted else None
    buildings = int(ground.buildings[i])
    terms = [
        people_term(people, None, endangered, least=near.hazard.in_danger is None),
        Term(
            "buildings",
            float(sums.linear(buildings, sums.scale("buildings"))),
            say("risk.cell.buildings", buildings=buildings),
            {"buildings": buildings},
        ),
    ]
    if not ground.facilities_known:
        return [
            *terms,
            Term("facilities", None, say("risk.facilities.missing")),
            Term("domino", None, say("risk.domino.missing")),
        ]
    places = Term(
        "facilities",
        float(sums.linear(float(ground.sensitive[i]), sums.scale("facilities"))),
        said_of_facilities(ground.facilities[i]),
    )
    dangers = Term(
        "domino",
        float(sums.linear(float(ground.domino[i]), sums.scale("domino"))),
        said_of_facilities(ground.dangers[i], "risk.domino.none"),
    )
    return [*terms, places, dangers]


def _frail(ground: CellGround, setting: Setting, i: int) -> list[Term]:
    who = (
        who_of(ground.frail[0 if setting.day else 1][i])
        if ground.facilities_known
        else Term("who", None, say("risk.who.missing"))
    )
    weather = setting.weather(LonLat(float(ground.lon[i]), float(ground.lat[i])))
    return [who, hour_term(setting.now, setting.zone), weather_term(weather)]


def _help(ground: CellGround, setting: Setting, i: int, near: Near, competing: int) -> list[Term]:
    """Of free units alone: who was sent is there for the hazard, not for the cell."""
    needs = near.hazard.capabilities
    cells = [ground.cells[j] for j in ground.ring[i] if j < len(ground.cells)]
    reaches = {cell: setting.coverage.get(cell, {}) for cell in cells}
    return coping_terms(coping_of(reaches, ground.cells[i], needs, (), competing), needs)
