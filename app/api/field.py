"""/api/field: what the phone of a unit shows and sends; /api/units/{id}/phones: which phones a unit has"""

from __future__ import annotations

from io import BytesIO
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

import segno
from fastapi import APIRouter, Path, Request
from pydantic import Field
from sqlalchemy import Connection
from typing_extensions import TypedDict

from app.api.shapes import Limit, Name, part
from app.dashboard import texts
from app.deps import Conn, Now, PartsDep, Who
from app.field import phones
from app.field.phones import Phone
from app.seeing import need_seen
from core.clock import rfc3339, utc_now
from core.crs import Datum, from_wgs84
from core.errors import Conflict, InputError, OneMapError
from core.faults import expects, listed
from core.given import Given
from core.nouns import Page
from core.types import JsonObject, LonLat
from core.viewer import Permission, Viewer
from core.vocabulary import Text
from dispatch import acts
from dispatch.acts import ByClock, Outcome, read_act, take_act
from dispatch.present import FieldPicture, field_picture, read_units

router = APIRouter(tags=["field"])
UnitId = Annotated[str, Path(min_length=1, max_length=64)]
ACTS_AT_MOST = 50
TITLE_AT_MOST = 40


class FieldActs(Given):
    """Acts in the order they happened. `clock`: what the phone's clock says when it sends; from it we know how wrong
    the times of the acts are. What is badly said in one act is the outcome of that act."""

    anything = frozenset({"acts"})
    clock: ByClock
    acts: list[JsonObject] = Field(min_length=1, max_length=ACTS_AT_MOST)


class ActAnswer(TypedDict):
    """What came of one act: `done`, or `refused` with the reason, its words and the field at fault. `incident`: the
    number of the one that it opened."""

    id: str
    state: str
    reason: str | None
    why: Text | None
    field: str | None
    incident: str | None


class ActAnswers(TypedDict):
    """In the order of the acts."""

    items: list[ActAnswer]


class Navigate(TypedDict):
    """Addresses that open a phone's own map at the task: one for any map, one for Amap (高德), which counts in
    GCJ-02."""

    geo: str
    amap: str


class OwnPicture(FieldPicture):
    """A unit, its task, and the way there, null where nobody has said where it is."""

    navigate: Navigate | None


def navigate(picture: FieldPicture) -> Navigate | None:
    incident = picture["task"]["incident"] if picture["task"] else None
    if incident is None or incident["lon"] is None or incident["lat"] is None:
        return None
    where = LonLat(incident["lon"], incident["lat"])
    shifted = from_wgs84(where, Datum.GCJ02)
    to = quote(f"{shifted.lon:.6f},{shifted.lat:.6f},{incident['title'][:TITLE_AT_MOST]}")
    return {
        "geo": f"geo:{where.lat:.6f},{where.lon:.6f}",
        "amap": f"https://uri.amap.com/navigation?to={to}&mode=car&coordinate=gaode&callnative=1",
    }


class PhoneIn(Given):
    """`name`: whose phone it is, or where it lies."""

    name: str = Field(min_length=1, max_length=40, pattern=r"\S")


class PhoneCode(TypedDict):
    """The address that binds one phone, once, and its QR code as SVG. It is in no other answer."""

    id: str
    address: str
    qr: str
    expires_at: str


def own_unit(who: Viewer, asked: str | None) -> str:
    """The unit of a phone, or the one that was asked for of an account with several. Conflict (`no_unit`) where the
    account has none."""
    who.require(Permission.UNIT_REPORT)
    units = who.scope.units or frozenset()
    if not units:
        raise Conflict("this account is no unit's", reason="no_unit")
    if asked is None and len(units) == 1:
        return next(iter(units))
    if asked is None or asked not in units:
        about = expects("unit", "one_of", expected=listed(sorted(units)))
        raise InputError(f"unit: expected one of {', '.join(sorted(units))}", field="unit", about=about)
    return asked


@router.get("/api/field")
def get_field(conn: Conn, who: Who, unit: Name = None) -> OwnPicture:
    """A unit and its task. `unit`: which, for an account with several."""
    picture = field_picture(conn, own_unit(who, unit))
    return {**picture, "navigate": navigate(picture)}


@router.post("/api/field/acts")
async def post_acts(who: Who, parts: PartsDep, body: FieldActs, unit: Name = None) -> ActAnswers:
    """Takes in what happened, in order, each act once: the same id is answered the same and does nothing again. What
    cannot be done is refused and does not hold up what comes after it."""
    own = own_unit(who, unit)
    return {"items": [await _take(parts, who, own, given, body) for given in body.acts]}


async def _take(parts: PartsDep, who: Viewer, unit: str, given: JsonObject, body: FieldActs) -> ActAnswer:
    try:
        act = read_act(given)
    except OneMapError as exc:
        return _answer(acts.refused(str(given.get("id")), exc))

    def work(conn: Connection) -> Outcome:
        return take_act(conn, act, unit, who.username, body.clock, utc_now())

    return _answer(await parts.work(work))


def _answer(outcome: Outcome) -> ActAnswer:
    reason = outcome["reason"]
    return {
        "id": outcome["id"],
        "state": outcome["state"],
        "reason": reason,
        "why": texts.why(reason, outcome["about"]) if reason else None,
        "field": outcome["field"],
        "incident": outcome["incident"],
    }


def need_unit(conn: Connection, who: Viewer, unit_id: str) -> None:
    who.require(Permission.UNIT_ASSIGN)
    need_seen(who, "unit", read_units(conn, [unit_id]), unit_id, "unit")


@router.get("/api/units/{unit_id}/phones")
def get_phones(
    conn: Conn, who: Who, now: Now, unit_id: UnitId, cursor: Name = None, limit: Limit = 1000
) -> Page[Phone]:
    """Phones that are bound to the unit, and those that may be until their codes expire."""
    need_unit(conn, who, unit_id)
    return part(phones.read_phones(conn, unit_id, now), cursor, limit)


@router.post("/api/units/{unit_id}/phones", status_code=201)
async def post_phone(
    request: Request, who: Who, parts: PartsDep, now: Now, unit_id: UnitId, body: PhoneIn
) -> PhoneCode:
    """A code for one more phone of the unit: good for ten minutes and one use."""

    def work(conn: Connection) -> phones.Code:
        need_unit(conn, who, unit_id)
        return phones.make_code(conn, who, unit_id, body.name.strip(), now)

    code = await parts.work(work)
    base = parts.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    address = f"{base}/field/enter?code={code.secret}"
    return {"id": str(code.phone), "address": address, "qr": qr_code(address), "expires_at": rfc3339(code.expires)}


def qr_code(address: str) -> str:
    """As a document of SVG, black on white with the quiet zone that scanners need."""
    drawn = BytesIO()
    segno.make(address, error="m", micro=False).save(
        drawn, kind="svg", scale=4, border=4, dark="#000", light="#fff", xmldecl=False, nl=False
    )
    return drawn.getvalue().decode()


@router.delete("/api/units/{unit_id}/phones/{phone_id}", status_code=204)
async def delete_phone(who: Who, parts: PartsDep, now: Now, unit_id: UnitId, phone_id: UUID) -> None:
    """The phone is out at once."""

    def work(conn: Connection) -> None:
        need_unit(conn, who, unit_id)
        phones.revoke(conn, who, unit_id, phone_id, now)

    await parts.work(work)
    parts.sessions.forget_all()
