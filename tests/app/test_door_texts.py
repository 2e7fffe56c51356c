"""Nothing that cannot be stored, seen or understood passes the door: each case is 422 and names the field; none is a
500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support import PASSWORD, System

BODY = {"kind": "noise", "level": 4, "title": "x", "lon": 119.0, "lat": 31.3}
NOWHERE = "00000000-0000-7000-8000-000000000000"

QUERIES: list[tuple[str, str]] = [
    ("/api/alarms?colour=red", "colour"),
    ("/api/units?stauts=available", "stauts"),
    ("/api/sensors?kind=a%00b", "kind"),
    ("/api/sensors?limit=0", "limit"),
    ("/api/sensors?limit=99999999999999999999", "limit"),
    ("/api/alarms?level=5", "level"),
    ("/api/alarms?level=99999999999", "level"),
    ("/api/alarms?since=0001-01-01T00:00:00Z", "since"),
    ("/api/alarms?since=9999-12-31T23:59:59-23:59", "since"),
    ("/api/state?at=0001-01-01T00:00:00Z", "at"),
    ("/api/search?q=%00", "q"),
    ("/api/search?q=a%1bb", "q"),
    ("/api/units?status=sleeping", "status"),
    ("/api/units?cursor=%00", "cursor"),
    ("/api/video-events?camera=%00", "camera"),
    ("/api/video-events?since=0001-01-01T00:00:00Z", "since"),
    ("/api/dead-letters?source=%00", "source"),
    ("/api/dead-letters?reason=%00", "reason"),
    ("/api/dead-letters?since=0001-01-01T00:00:00Z", "since"),
    ("/api/sensors/wl-spare/observations?from=0001-01-01T00:00:00Z", "from"),
    ("/api/sensors/wl-spare/observations?metric=%00", "metric"),
    ("/api/sensors/wl-spare/observations?every=nan", "every"),
    ("/api/sensors/wl-spare/observations?every=1e300", "every"),
    ("/api/sensors/a%00b", "sensor_id"),
    ("/api/cameras/a%00b", "camera_id"),
    ("/api/cards/unit/a%00b", "identity"),
    ("/api/layers/a%00b/features", "name"),
    ("/tiles/base/99/0/0.mvt", "z"),
    ("/tiles/base/1/99999999999999999999999/0.mvt", "x"),
    ("/feeds/alerts.atom?district=%00", "district"),
    ("/api/set-aside?cursor=nonsense", "cursor"),
]
BODIES: list[tuple[str, dict[str, Any], str]] = [
    ("/api/incidents", {**BODY, "title": "a\x00b"}, "title"),
    ("/api/incidents", {**BODY, "title": " \t "}, "title"),
    ("/api/incidents", {**BODY, "title": "a\u202eb"}, "title"),
    ("/api/incidents", {**BODY, "text": "a\x1b[31m"}, "text"),
    ("/api/incidents", {**BODY, "level": 10**30}, "level"),
    ("/api/incidents", {**BODY, "kind": "a\x00"}, "kind"),
    (f"/api/incidents/{NOWHERE}/status", {"status": "open", "version": 2**40}, "version"),
    (f"/api/incidents/{NOWHERE}/assignments", {"unit": "a\x00b"}, "unit"),
    (f"/api/alarms/{NOWHERE}/shelve", {"minutes": 10, "reason": "\u2067"}, "reason"),
    (f"/api/alarms/{NOWHERE}/shelve", {"minutes": 10**20, "reason": "x"}, "minutes"),
    ("/api/sensors/wl-spare/accept", {"kind": "a\x00", "lon": 1, "lat": 1}, "kind"),
    (
        "/api/sources",
        {"id": "a", "name_zh": "\x00", "name_en": "a", "topic_filters": ["a"], "decoder": "native"},
        "name_zh",
    ),
    (
        "/api/sources",
        {"id": "a", "name_zh": "a", "name_en": "a", "topic_filters": ["a\x00"], "decoder": "native"},
        "topic_filters",
    ),
    ("/api/dead-letters/discard", {"ids": [1], "why": "\x00"}, "why"),
    ("/api/dead-letters/replay", {"reason": "\x00"}, "reason"),
    ("/api/within", {"type": "Polygon\x00", "coordinates": []}, "type"),
    ("/api/token", {"username": "a\x00b", "password": "x"}, "username"),
]


@pytest.fixture(scope="module")
def admin(served: System) -> Iterator[httpx.Client]:
    with served.api("admin") as client:
        yield client


@pytest.mark.parametrize(("path", "field"), QUERIES, ids=[q[0] for q in QUERIES])
def test_query_is_refused_and_the_field_named(admin: httpx.Client, path: str, field: str) -> None:
    answer = admin.get(path)
    assert (answer.status_code, answer.json().get("field")) == (422, field), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("path", "body", "field"), BODIES, ids=[f"{b[0]} {b[2]} {n}" for n, b in enumerate(BODIES)])
def test_body_is_refused_and_the_field_named(admin: httpx.Client, path: str, body: dict[str, Any], field: str) -> None:
    answer = admin.post(path, json=body)
    assert (answer.status_code, answer.json().get("field")) == (422, field), answer.text


def test_log_in_with_nul_is_a_wrong_password_and_no_fault(served: System) -> None:
    form = {"username": "a\x00b", "password": "x\x00", "next": "/"}
    answer = httpx.post(f"{served.http}/login", data=form, headers={"Origin": served.http}, trust_env=False)
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/api/units", "/api/sensors"])
def test_list_is_walked_to_its_end_every_row_once(admin: httpx.Client, served: System, path: str) -> None:
    table = path.rsplit("/", 1)[1].removesuffix("s")
    where = "WHERE status <> 'retired'" if table == "sensor" else ""
    wanted = [row["id"] for row in served.rows(f"SELECT id FROM {table} {where} ORDER BY id")]
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = admin.get(path, params={"limit": 7} | ({"cursor": cursor} if cursor else {})).json()
        found += [item["id"] for item in page["items"]]
        assert len(page["items"]) <= 7
        cursor = page["next"]
        if cursor is None:
            break
    assert found == wanted


def test_refusal_and_log_out_are_in_the_audit(served: System) -> None:
    with served.api("viewer") as viewer:
        assert viewer.post(f"/api/alarms/{NOWHERE}/acknowledge").status_code == 403
    [entry] = served.rows("SELECT * FROM audit WHERE what = 'refused' AND who = 'viewer' ORDER BY id DESC LIMIT 1")
    assert (entry["result"], entry["address"]) == ("refused", "127.0.0.1")
    assert entry["data"]["path"].endswith("/acknowledge")
    before = served.one("SELECT count(*) FROM audit WHERE what = 'logout' AND who = 'viewer'")
    with httpx.Client(base_url=served.http, trust_env=False, headers={"Origin": served.http}) as browser:
        browser.post("/login", data={"username": "viewer", "password": PASSWORD, "next": "/"})
        browser.post("/logout")
    assert served.one("SELECT count(*) FROM audit WHERE what = 'logout' AND who = 'viewer'") > before


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "/api/alarms", "GET"), ("PUT", "/api/incidents", "GET, POST"), ("POST", "/api/state", "GET")],
)
def test_method_that_is_not_there_is_405_and_says_which_are(
    admin: httpx.Client, method: str, path: str, allowed: str
) -> None:
    answer = admin.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "application/problem+json"


def test_document_describes_the_nouns_their_errors_and_the_ways_to_log_in(admin: httpx.Client) -> None:
    document = admin.get("/api/openapi.json").json()
    alarm = document["paths"]["/api/alarms/{alarm_id}"]["get"]
    assert alarm["responses"]["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Alarm"}
    assert {"401", "403", "404", "405", "409", "422", "500", "503"} <= set(alarm["responses"])
    problem = alarm["responses"]["404"]["content"]["application/problem+json"]["schema"]
    assert problem == {"$ref": "#/components/schemas/Problem"}
    assert alarm["security"] == [{"bearer": []}, {"session": []}]
    assert document["paths"]["/api/token"]["post"]["security"] == []
    assert set(document["components"]["securitySchemes"]) == {"bearer", "session", "feed"}
    nouns = {"Alarm", "Incident", "Assignment", "Unit", "Sensor", "VideoEvent", "RiskCell", "Picture", "Problem"}
    assert nouns <= set(document["components"]["schemas"])


ROLES = ("viewer", "dispatcher", "commander", "admin")


@pytest.mark.parametrize("role", ROLES)
def test_every_reading_address_answers_as_its_document_says(served: System, role: str) -> None:
    """All GET operations without path parameters, as every role: a status and a type that are documented, never a
    5xx."""
    with served.api(role) as client:
        document = client.get("/api/openapi.json").json()
        for path, methods in document["paths"].items():
            if "get" not in methods or "{" in path:
                continue
            needed = [p for p in methods["get"].get("parameters", []) if p["required"]]
            answer = client.get(path, params={p["name"]: "x" for p in needed})
            told = methods["get"]["responses"].get(str(answer.status_code))
            assert answer.status_code < 500, f"{path}: {answer.text}"
            assert told is not None, f"{path} answers {answer.status_code}, which is not documented"
            if answer.content:
                kinds = set(told.get("content", {}))
                assert answer.headers["content-type"].split(";")[0] in kinds, (
                    f"{path}: {answer.headers['content-type']}, not {kinds}"
                )
