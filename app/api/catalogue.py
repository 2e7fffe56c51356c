"""/api/catalogue: the information resource catalogue of sources and layers; who asks for what; open data."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from typing_extensions import TypedDict

from app.api.feeds import base_of
from app.api.shapes import Limit, Name, Words, page, parse_number, part
from app.catalogue.keeping import ask_access, change_entry, decide_access, keeps, may_see_request
from app.catalogue.listing import need_entry, need_resource, read_catalogue, read_month, today_of
from app.catalogue.programs import DCAT, JSON_LD, read_dcat
from app.deps import Conn, Now, PartsDep, Who
from core.catalogue import opened, requests
from core.catalogue.days import ScoreObject
from core.catalogue.entries import EntryIn
from core.catalogue.nouns import EntryObject, Kind
from core.catalogue.nouns import Name as ResourceName
from core.catalogue.opened import OpenDataObject
from core.catalogue.requests import DecisionIn, RequestIn, RequestObject
from core.errors import InputError, NotFound
from core.faults import expects
from core.given import Given
from core.nouns import Page
from core.viewer import Permission, Viewer

router = APIRouter(prefix="/api/catalogue", tags=["catalogue"])
Id = Annotated[str, Path(min_length=1, max_length=200)]
Month = Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}$", description="2026-11; this month where left out")]
# the one after it is a number of the database too
RequestId = Annotated[int, Path(ge=1, le=2**63 - 2)]


class OpenDataIn(Given):
    enabled: bool


@router.get("")
def list_entries(
    conn: Conn,
    who: Who,
    now: Now,
    q: Words = "",
    kind: Kind | None = None,
    provider: Name = None,
    sharing: Literal["unconditional", "conditional", "none"] | None = None,
    cursor: Name = None,
    limit: Limit = 1000,
) -> Page[EntryObject]:
    """Every layer, then every source that is switched on, with what is said and measured of it. What is classified
    above one's own, and what is limited to others and not shared, is not named."""
    who.require(Permission.CITY_READ)
    asked = q.casefold().split()
    found = [
        one
        for one in read_catalogue(conn, who, now)
        if kind in (None, one["kind"])
        and provider in (None, one["provider"])
        and sharing in (None, one["sharing"])
        and all(word in searched(one) for word in asked)
    ]
    return part(found, cursor, limit)


def searched(one: EntryObject) -> str:
    """What of a line is looked through."""
    said = (one["id"], one["code"], *one["title"].values(), one["provider"], one["summary_zh"], one["summary_en"])
    return " ".join(word for word in said if word).casefold()


@router.get("/dcat", response_class=Response, responses=DCAT)
def get_dcat(request: Request, conn: Conn, who: Who, now: Now, parts: PartsDep) -> Response:
    """The same as DCAT 3 in JSON-LD."""
    who.require(Permission.CITY_READ)
    host = base_of(request, parts.settings.public_url)
    return Response(read_dcat(conn, read_catalogue(conn, who, now), host), media_type=JSON_LD)


@router.get("/scores")
def get_scores(
    conn: Conn, who: Who, now: Now, month: Month = None, cursor: Name = None, limit: Limit = 1000
) -> Page[ScoreObject]:
    """What each provider's part of the catalogue was worth in a month, of 100, the best first."""
    who.require(Permission.CITY_READ)
    return part(read_month(conn, who, first_of(month) or today_of(conn, now).replace(day=1)), cursor, limit)


def first_of(month: str | None) -> date | None:
    if month is None:
        return None
    year, number = map(int, month.split("-"))
    if not (1970 <= year <= 2200 and 1 <= number <= 12):
        raise InputError("month: expected one such as 2026-11", field="month", about=expects("month", "month"))
    return date(year, number, 1)


@router.get("/open-data")
def get_open_data(conn: Conn, who: Who) -> OpenDataObject:
    """Whether the public is served what is marked as open."""
    who.require(Permission.CITY_READ)
    return opened.read_switch(conn)


@router.put("/open-data")
def put_open_data(conn: Conn, who: Who, now: Now, body: OpenDataIn) -> OpenDataObject:
    who.require(Permission.CATALOGUE_OPEN)
    return opened.switch(conn, enabled=body.enabled, who=who, now=now)


@router.get("/requests")
def list_requests(
    conn: Conn,
    who: Who,
    state: Literal["open", "granted", "refused"] | None = None,
    cursor: Name = None,
    limit: Limit = 1000,
) -> Page[RequestObject]:
    """Requests for access, the newest first: one's own, those of one's departments, and those one decides."""
    who.require(Permission.CITY_READ)
    return page(seen_requests(conn, who, state, parse_number(cursor), limit + 1), limit)


class WaitingObject(TypedDict):
    """Requests for access: how many wait for who asks to decide, and how many of their own are answered and were not
    opened since."""

    to_decide: int
    answered: int


@router.get("/requests/waiting")
def get_waiting(conn: Conn, who: Who) -> WaitingObject:
    who.require(Permission.CITY_READ)
    return {"to_decide": count_to_decide(conn, who), "answered": requests.count_answered(conn, who.username)}


def count_to_decide(conn: Conn, who: Viewer) -> int:
    if not who.may(Permission.CATALOGUE_EDIT):
        return 0
    return sum(decides(conn, who, one) for one in seen_requests(conn, who, "open"))


@router.post("/requests/{request_id}/seen", status_code=204)
def post_seen(conn: Conn, who: Who, now: Now, request_id: RequestId) -> None:
    """Whoever asked has seen the answer; of a request that is another's nothing changes."""
    who.require(Permission.CITY_READ)
    if not any(one["id"] == request_id for one in seen_requests(conn, who, None, request_id + 1, 1)):
        raise NotFound(f"request: there is no request {request_id}", field="request")
    requests.mark_seen(conn, request_id, who.username, now)


def seen_requests(
    conn: Conn, who: Viewer, state: str | None, before: int | None = None, most: int = 1000
) -> list[RequestObject]:
    found: list[RequestObject] = []
    while len(found) < most:
        rows = requests.read_requests(conn, state=state, before=before, most=most)
        found += [one for one in rows if may_see_request(who.scope, who.username, one, keeper=decides(conn, who, one))]
        if len(rows) < most:
            break
        before = rows[-1]["id"]
    return found[:most]


def decides(conn: Conn, who: Viewer, asked: RequestObject) -> bool:
    if not who.may(Permission.CATALOGUE_EDIT):
        return False
    try:
        return keeps(*need_resource(conn, who, requests.name_of(asked)), who)
    except NotFound:
        return False  # the thing is gone, or is none of theirs


@router.post("/requests/{request_id}/decision")
def post_decision(conn: Conn, who: Who, now: Now, request_id: RequestId, body: DecisionIn) -> RequestObject:
    """Grant or refuse. A layer that is limited to departments is seen by the one that asked from then on. 409 where it
    is decided."""
    return decide_access(conn, who, request_id, body, now)


@router.get("/{kind}/{resource_id}")
def get_entry(conn: Conn, who: Who, now: Now, kind: Kind, resource_id: Id) -> EntryObject:
    who.require(Permission.CITY_READ)
    return need_entry(conn, who, ResourceName(kind, resource_id), now)


@router.put("/{kind}/{resource_id}")
def put_entry(conn: Conn, who: Who, now: Now, kind: Kind, resource_id: Id, body: EntryIn) -> EntryObject:
    """What is said of it from now on. 409 where the version is old."""
    return change_entry(conn, who, ResourceName(kind, resource_id), body, now)


@router.post("/{kind}/{resource_id}/requests", status_code=201)
def post_request(conn: Conn, who: Who, now: Now, kind: Kind, resource_id: Id, body: RequestIn) -> RequestObject:
    """Ask for what is shared on conditions."""
    return ask_access(conn, who, ResourceName(kind, resource_id), body, now)
