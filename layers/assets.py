"""The register of urban components (部件, GB/T 30428.2): one read, corrected by whoever keeps the register, what was
changed, and taken back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field, JsonValue, ValidationError, field_validator
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core import audit
from core.clock import rfc3339
from core.coordinates import read_position
from core.db import notify_place
from core.errors import Conflict, Forbidden, InputError, NotFound
from core.faults import expects, unfit
from core.given import Given, as_input_error
from core.history import row_of, write_thing
from core.i18n import say
from core.nouns import LogLine
from core.scope import EVERYTHING, Scope, seen_asset
from core.types import JsonObject
from core.viewer import Viewer
from core.vocabulary import Text, label, table

LAYER = "assets"
HISTORY_AT_MOST = 50
# where a change comes from that no file has brought: the card, which calls the API, or a program that does
BY_HAND = "api"
# of all further attributes together
LONGEST = 20_000
# a thing is corrected by metres, not carried across the country
FARTHEST_DEG = 2.0
Code = Annotated[str, Field(min_length=1, max_length=200)]
_READ = f"""
SELECT id, class AS klass, subclass, name_zh, name_en, state, dept, owner_dept, keeper_dept, grid, source, note,
  attributes, installed, district, version, changed_at, ST_X(geom) AS lon, ST_Y(geom) AS lat
FROM asset WHERE id = :id AND {seen_asset("district", "dept")}
"""

# a field of it is a word of Python
Asset = TypedDict(
    "Asset",
    {
        "id": str,
        "class": str,
        "subclass": str,
        "names": Text,
        "state": str,
        "dept": str | None,
        "owner_dept": str | None,
        "keeper_dept": str | None,
        "grid": str | None,
        "source": str | None,
        "note": str | None,
        "attributes": JsonObject,
        "installed": str | None,
        "district": str,
        "version": int,
        "changed_at": str | None,
        "lon": float,
        "lat": float,
    },
)
"""An urban component, GB/T 30428.2: its 16-digit code, class and subclass, state, the departments that are in charge
of it (`dept`, 主管), own it (权属) and keep it (养护), its grid cell (单元网格), where the entry is from, day of
installation."""


class AssetChange(Given):
    """What is corrected, in the version that was seen; what is left out stays. `lon` and `lat` come together, WGS
    84; `place` is both as people write them, in any datum; `reason` is for the record. `values`: fields as a form has
    them, in text, null where there is nothing; further attributes as `attributes.NAME`, beside those that stay."""

    version: int = Field(ge=1, le=2**31 - 1)
    name_zh: Code | None = None
    name_en: Code | None = None
    state: str | None = Field(None, max_length=64)
    dept: Code | None = None
    owner_dept: Code | None = None
    keeper_dept: Code | None = None
    grid: str | None = Field(None, min_length=1, max_length=64)
    note: str | None = Field(None, max_length=2000)
    installed: date | None = None
    attributes: dict[str, JsonValue] | None = Field(None, max_length=100)
    lon: float | None = Field(None, ge=-180, le=180)
    lat: float | None = Field(None, ge=-90, le=90)
    place: str | None = Field(None, min_length=1, max_length=100)
    values: dict[str, Annotated[str, Field(max_length=10_000)] | None] | None = Field(None, max_length=120)
    reason: str | None = Field(None, max_length=500)

    @field_validator("attributes")
    @classmethod
    def kept_as_json(cls, value: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        """JSON knows no NaN and no infinity; as much as a person writes."""
        try:
            length = len(json.dumps(value, allow_nan=False))
        except ValueError:
            raise unfit("finite_number", "expected finite numbers") from None
        if length > LONGEST:
            raise unfit("string_too_long", "expected at most {max_length} characters of JSON", max_length=LONGEST)
        return value

    @field_validator("state")
    @classmethod
    def known_state(cls, value: str | None) -> str | None:
        states = table("asset_states")
        if value is not None and value not in states:
            raise unfit("one_of", "expected one of {expected}", expected=", ".join(states))
        return value


# what a form corrects besides state, place and note, each with its own words
FORM = ("name_zh", "name_en", "dept", "owner_dept", "keeper_dept", "grid", "installed")
FURTHER = "attributes."


class AssetEvent(TypedDict):
    """One change of a component: what (imported, gone, changed, reverted), who, when, from where, and each field that
    is another, before and after."""

    id: int
    time: str
    what: str
    who: str
    source: str | None
    changes: dict[str, list[JsonValue]]


# columns of the row that say nothing of the thing
ITS_OWN = frozenset({"version", "changed_at"})
# what taking a change back brings back
BROUGHT_BACK = (
    *("name_zh", "name_en", "state", "dept", "owner_dept", "keeper_dept", "grid", "source", "note", "installed"),
    *("attributes", "lon", "lat"),
)
# of a place, `lon` and `lat` are one column
PLACE = "geom = ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)"


def read_asset(conn: Connection, code: str, scope: Scope = EVERYTHING, *, lock: bool = False) -> Asset:
    """NotFound where there is none that this scope sees."""
    given = {"id": code, **scope.params()}
    row = conn.execute(text(_READ + (" FOR UPDATE" if lock else "")), given).one_or_none()
    if row is None:
        raise NotFound(f"there is no asset {code!r}")
    return {
        "id": row.id,
        "class": row.klass,
        "subclass": row.subclass,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "state": row.state,
        "dept": row.dept,
        "owner_dept": row.owner_dept,
        "keeper_dept": row.keeper_dept,
        "grid": row.grid,
        "source": row.source,
        "note": row.note,
        "attributes": row.attributes,
        "installed": row.installed.isoformat() if row.installed else None,
        "district": row.district,
        "version": row.version,
        "changed_at": rfc3339(row.changed_at) if row.changed_at else None,
        "lon": row.lon,
        "lat": row.lat,
    }


def change_asset(conn: Connection, code: str, change: AssetChange, who: Viewer, now: datetime) -> Asset:
    """NotFound; Conflict where somebody else was quicker; Forbidden where it would leave what one sees oneself; what
    was and who changed it is kept (asset_event)."""
    before = _locked(conn, code, change.version, who.scope)
    change = _of_form(change, before)
    said = change.model_dump(exclude={"version", "reason", "place", "values"}, exclude_unset=True)
    for name in ("name_zh", "name_en", "state", "attributes"):
        if name in said and said[name] is None:
            raise InputError(f"{name}: expected a value", field=name, about=expects(name, "missing"))
    if change.place is not None:
        said["lon"], said["lat"] = _written(change.place, before)
    if ("lon" in said) != ("lat" in said) or (said.get("lon") is None) != (said.get("lat") is None):
        raise InputError("lon: expected together with lat", field="lon", about=expects("lon", "together", other="lat"))
    if said.get("lon") is not None:
        _check_place(before, said)
    else:
        said = {name: value for name, value in said.items() if name not in ("lon", "lat")}
    return _write(conn, before, said, who, now, "changed", change.reason)


def _of_form(change: AssetChange, before: Asset) -> AssetChange:
    """With what a form says as fields of their own types. InputError at `values.NAME`."""
    if not change.values:
        return change
    attributes = dict(change.attributes if change.attributes is not None else before["attributes"])
    fields: JsonObject = {}
    for name, words in change.values.items():
        if name in FORM:
            fields[name] = words
        elif name.startswith(FURTHER) and name != FURTHER:
            further = name.removeprefix(FURTHER)
            if words is None:
                attributes.pop(further, None)
            else:
                attributes[further] = _like(attributes.get(further), words, name)
        else:
            expected = ", ".join((*FORM, f"{FURTHER}NAME"))
            raise InputError(
                f"values.{name[:60]}: expected one of {expected}",
                field=f"values.{name[:60]}",
                about=expects(f"values.{name[:60]}", "one_of", expected=expected),
            )
    if any(name.startswith(FURTHER) for name in change.values):
        fields["attributes"] = attributes
    given = change.model_dump(mode="json", exclude={"values"}, exclude_unset=True)
    try:
        return AssetChange.model_validate({**given, **fields})
    except ValidationError as exc:
        raise as_input_error(exc, "values") from exc


def _like(was: JsonValue, words: str, name: str) -> JsonValue:
    """A further attribute keeps its type: a number stays one, yes or no too."""
    if isinstance(was, bool):
        if words in ("true", "false"):
            return words == "true"
        raise InputError(
            f"values.{name}: expected true or false",
            field=f"values.{name}",
            about=expects(f"values.{name}", "yes_or_no"),
        )
    if isinstance(was, (int, float)):
        try:
            number = float(words)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError(
                f"values.{name}: expected a number, got {words[:40]!r}",
                field=f"values.{name}",
                about=expects(f"values.{name}", "number"),
            )
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return words


def revert_asset(conn: Connection, code: str, event: int, version: int, who: Viewer, now: datetime) -> Asset:
    """Bring back what a component was before one of its changes. That too is a change, and can be taken back."""
    before = _locked(conn, code, version, who.scope)
    was = conn.scalar(
        text("SELECT before FROM asset_event WHERE type = 'asset' AND thing_id = :id AND id = :event"),
        {"id": code, "event": event},
    )
    if was is None:
        raise NotFound(f"event: there is no change {event} of {code!r} that could be taken back", field="event")
    brought = {name: was[name] for name in BROUGHT_BACK if name in was}
    return _write(conn, before, brought, who, now, "reverted", None)


def _locked(conn: Connection, code: str, version: int, scope: Scope) -> Asset:
    before = read_asset(conn, code, scope, lock=True)
    if before["version"] != version:
        raise Conflict("version: somebody else has changed it meanwhile", field="version", reason="stale_version")
    return before


def _written(place: str, before: Asset) -> tuple[float, float]:
    """Where a text says; what may be read in several ways is read as near to where the thing was as it can be."""
    box = (before["lon"] - FARTHEST_DEG, before["lat"] - FARTHEST_DEG)
    far = (before["lon"] + FARTHEST_DEG, before["lat"] + FARTHEST_DEG)
    found = read_position(place, (*box, *far))
    if not found:
        raise InputError(
            f"place: expected longitude, latitude such as 118.99, 31.35; got {place!r}",
            field="place",
            about=expects("place", "lon_lat"),
        )
    return found[0].where.lon, found[0].where.lat


def _check_place(before: Asset, said: Mapping[str, Any]) -> None:
    for name in ("lon", "lat"):
        was = before["lon"] if name == "lon" else before["lat"]
        if abs(said[name] - was) > FARTHEST_DEG:
            raise InputError(
                f"{name}: expected within {FARTHEST_DEG:g} degrees of {was:.5f}",
                field=name,
                about=expects(name, "nearby"),
            )


def _write(
    conn: Connection,
    before: Asset,
    said: Mapping[str, Any],
    who: Viewer,
    now: datetime,
    what: str,
    reason: str | None,
) -> Asset:
    code = before["id"]
    row = row_of(conn, "asset", code)
    others = {name for name, value in said.items() if row is None or _plain(value) != row.get(name)}
    if not others:
        return before
    places = {"lon", "lat"} if others & {"lon", "lat"} else set()
    said = {name: value for name, value in said.items() if name in others | places}
    sets = [f"{name} = :{name}" for name in said if name not in ("lon", "lat", "attributes")]
    sets += ["attributes = CAST(:attributes AS jsonb)"] if "attributes" in said else []
    sets += [PLACE] if "lon" in said else []
    given = {**said, "id": code, "now": now}
    if "attributes" in said:
        given["attributes"] = json.dumps(said["attributes"], ensure_ascii=False)
    conn.execute(
        text(f"UPDATE asset SET {', '.join([*sets, 'version = version + 1', 'changed_at = :now'])} WHERE id = :id"),
        given,
    )
    try:
        after = read_asset(conn, code, who.scope)
    except NotFound:
        told = "dept: whoever changes it would not see it any more"
        raise Forbidden(told, field="dept", reason="layer_beyond_own") from None
    write_thing(conn, "asset", code, what, who.username, row, now, BY_HAND)
    data = {"asset": code, "fields": sorted(said), "reason": reason}
    audit.write(conn, who, f"asset.{'revert' if what == 'reverted' else 'change'}", now, data)
    lons, lats = sorted((before["lon"], after["lon"])), sorted((before["lat"], after["lat"]))
    notify_place(conn, LAYER, (lons[0], lats[0], lons[1], lats[1]))
    return after


def _plain(value: Any) -> Any:
    """As the row is kept in JSON."""
    return value.isoformat() if isinstance(value, date) else value


_HISTORY = text("""
SELECT id, time, what, who, source, before, after FROM asset_event WHERE type = 'asset' AND thing_id = :id
  AND id < COALESCE(CAST(:before AS bigint), 9223372036854775807) ORDER BY id DESC LIMIT :most
""")


def read_history(
    conn: Connection, code: str, most: int = HISTORY_AT_MOST, before: int | None = None
) -> list[AssetEvent]:
    """The newest changes of a component first, those before the event `before`."""
    return [
        {
            "id": row.id,
            "time": rfc3339(row.time),
            "what": row.what,
            "who": row.who,
            "source": row.source,
            "changes": differences(row.before or {}, row.after or {}),
        }
        for row in conn.execute(_HISTORY, {"id": code, "most": most, "before": before})
    ]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[JsonValue]]:
    """Fields that are others: [before, after]."""
    names = sorted((set(before) | set(after)) - ITS_OWN)
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}


def told(event: AssetEvent) -> LogLine:
    """A change in words."""
    changes = event["changes"]
    parts = [_said(name, *values) for name, values in changes.items() if name != "lat"]
    whole: Text = say(f"asset.{event['what']}")
    if event["what"] in ("changed", "reverted"):
        for part in parts:
            whole = say("asset.and", first=whole, then=part)
    return {"time": event["time"], "who": event["who"], "text": whole}


def _said(name: str, before: JsonValue, after: JsonValue) -> Text:
    if name == "lon":
        return say("asset.field.place")
    field = say(f"asset.field.{name}") if name in BROUGHT_BACK else {"zh": name, "en": name}
    return say("asset.became", field=field, was=_value(name, before), now=_value(name, after))


def _value(name: str, value: JsonValue) -> Text:
    if name == "state" and (known := label("asset_states", str(value))):
        return dict(known)
    said = "–" if value in (None, "", {}) else str(value)[:80]
    return {"zh": said, "en": said}
