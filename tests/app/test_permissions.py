"""Who may what: every door of the API that asks for more than being logged in, for each of the first four roles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Engine

from app.accounts import add_account
from app.services.mosquitto import Broker
from core.settings import Settings
from tests.support import LOGS, PASSWORD, System, now

ROLES = ("viewer", "dispatcher", "commander", "admin")
NOBODY = UUID(int=0)
# the lowest role that is let in, in the order of ROLES; what is asked for is not there, or not well said
DOORS = [
    ("viewer", "GET", "/api/alarms"),
    ("viewer", "GET", "/api/alarm-groups"),
    ("viewer", "GET", "/api/alarm-groups/rain:rain/alarms"),
    ("viewer", "GET", "/api/alarm-metrics"),
    ("viewer", "GET", "/api/routes"),
    ("viewer", "GET", "/api/routes/removed"),
    ("viewer", "GET", f"/api/routes/explain?alarm={NOBODY}"),
    ("dispatcher", "GET", "/api/senders"),
    ("dispatcher", "GET", "/api/subscriptions"),
    ("dispatcher", "GET", "/api/subscriptions/nobody"),
    ("dispatcher", "PATCH", "/api/subscriptions/nobody"),
    ("dispatcher", "DELETE", "/api/subscriptions/nobody"),
    ("dispatcher", "POST", "/api/subscriptions/nobody/test"),
    ("dispatcher", "POST", "/api/subscriptions"),
    ("dispatcher", "POST", "/api/subscriptions/preview"),
    ("dispatcher", "GET", "/api/deliveries"),
    ("dispatcher", "GET", "/api/deliveries/1"),
    ("dispatcher", "POST", "/api/deliveries/1/retry"),
    ("dispatcher", "POST", "/api/deliveries/1/seen"),
    ("viewer", "GET", "/api/inhibitions"),
    ("viewer", "GET", "/api/silences"),
    ("dispatcher", "POST", "/api/alarms/acknowledge"),
    ("commander", "POST", "/api/silences"),
    ("commander", "POST", "/api/silences/nobody/end"),
    ("commander", "PATCH", "/api/silences/nobody"),
    ("viewer", "GET", "/api/routes/nobody/versions"),
    ("viewer", "GET", "/api/inhibitions/nobody/versions"),
    ("admin", "POST", "/api/routes/effect"),
    ("admin", "POST", "/api/routes/nobody/take-back"),
    ("admin", "POST", "/api/inhibitions/nobody/take-back"),
    ("viewer", "GET", "/api/rules"),
    ("viewer", "GET", "/api/rule-kinds"),
    ("viewer", "GET", "/api/rules/nobody"),
    ("viewer", "GET", "/api/rules/nobody/versions"),
    ("admin", "POST", "/api/rules"),
    ("admin", "POST", "/api/rules/try"),
    ("admin", "PATCH", "/api/rules/nobody"),
    ("admin", "POST", "/api/rules/nobody/arm"),
    ("admin", "POST", "/api/rules/nobody/disarm"),
    ("admin", "POST", "/api/rules/nobody/take-back"),
    ("dispatcher", "POST", f"/api/alarms/{NOBODY}/useful"),
    ("dispatcher", "POST", f"/api/alarms/{NOBODY}/reset"),
    ("dispatcher", "POST", f"/api/alarms/{NOBODY}/comments"),
    ("dispatcher", "POST", f"/api/alarms/{NOBODY}/owner"),
    ("commander", "POST", f"/api/alarms/{NOBODY}/out-of-service"),
    ("commander", "POST", f"/api/alarms/{NOBODY}/in-service"),
    ("admin", "POST", "/api/routes"),
    ("admin", "PATCH", "/api/routes/nobody"),
    ("admin", "DELETE", "/api/routes/nobody"),
    ("admin", "POST", "/api/inhibitions"),
    ("admin", "PATCH", "/api/inhibitions/nobody"),
    ("viewer", "GET", "/api/incidents"),
    ("viewer", "GET", "/api/units"),
    ("viewer", "GET", "/api/sensors"),
    ("viewer", "GET", "/api/cameras"),
    ("viewer", "GET", "/api/video-events"),
    ("viewer", "GET", "/api/warnings"),
    ("viewer", "GET", f"/api/risk/explain?type=alarm&id={NOBODY}"),
    ("viewer", "GET", "/api/risk/explain?lon=0&lat=0"),
    ("viewer", "GET", "/api/state"),
    ("viewer", "GET", "/api/layers"),
    ("viewer", "GET", "/api/search?q=a"),
    ("viewer", "GET", "/api/city"),
    ("dispatcher", "GET", "/api/sources"),
    ("dispatcher", "GET", "/api/sources/nobody"),
    ("dispatcher", "GET", "/api/decoders"),
    ("dispatcher", "GET", "/api/pending"),
    ("dispatcher", "GET", "/api/pending/unit/nobody"),
    ("dispatcher", "GET", "/api/sensors/nobody/offer"),
    ("viewer", "GET", "/api/health"),
    ("viewer", "GET", "/metrics"),
    ("viewer", "GET", "/feeds/alerts.atom"),
    ("viewer", "GET", "/ogc/collections"),
    ("viewer", "GET", "/api/analysis"),
    ("viewer", "GET", "/api/analysis/nobody"),
    ("viewer", "GET", "/api/analysis/nobody/figure"),
    ("viewer", "GET", "/api/analysis/nobody/export"),
    ("viewer", "GET", "/api/catalogue"),
    ("viewer", "GET", "/api/catalogue/dcat"),
    ("viewer", "GET", "/api/catalogue/scores"),
    ("viewer", "GET", "/api/catalogue/requests"),
    ("viewer", "GET", "/api/catalogue/requests/waiting"),
    ("viewer", "POST", "/api/catalogue/requests/1/seen"),
    ("viewer", "GET", "/api/catalogue/open-data"),
    ("admin", "PUT", "/api/catalogue/open-data"),
    ("viewer", "GET", "/api/catalogue/layer/nobody"),
    ("admin", "PUT", "/api/catalogue/layer/nobody"),
    ("viewer", "POST", "/api/catalogue/layer/nobody/requests"),
    ("admin", "POST", "/api/catalogue/requests/1/decision"),
    ("admin", "GET", "/api/base-maps"),
    ("admin", "PUT", "/api/base-maps/permission-test"),
    ("admin", "DELETE", "/api/base-maps/nobody"),
    ("viewer", "GET", "/tiles/basemap/nobody/0/0/0"),
    ("admin", "POST", "/api/layers/import?name=a.csv"),
    ("admin", "DELETE", "/api/layers/nobody"),
    ("admin", "PATCH", "/api/layers/nobody"),
    ("viewer", "GET", "/api/assets/nobody"),
    ("viewer", "GET", "/api/assets/nobody/history"),
    ("admin", "PATCH", "/api/assets/nobody"),
    ("admin", "POST", "/api/assets/nobody/revert"),
    ("viewer", "GET", "/api/layers/nobody/rows"),
    ("viewer", "GET", "/api/layers/nobody/rows/1"),
    ("viewer", "GET", "/api/layers/nobody/rows/1/history"),
    ("admin", "POST", "/api/layers/nobody/rows"),
    ("admin", "PUT", "/api/layers/nobody/rows/1"),
    ("admin", "PATCH", "/api/layers/nobody/rows/2"),
    ("admin", "DELETE", "/api/layers/nobody/rows/1?version=1"),
    ("admin", "POST", "/api/layers/nobody/rows/1/revert"),
    ("admin", "POST", "/api/layers/files?name=a.csv"),
    ("admin", "GET", "/api/layers/files/nobody"),
    ("admin", "GET", "/api/layers/files/nobody/refused"),
    ("admin", "POST", "/api/layers/files/nobody/look"),
    ("admin", "POST", "/api/layers/files/nobody/check"),
    ("admin", "POST", "/api/layers/files/nobody/load"),
    ("admin", "POST", "/api/layers/files/nobody/stop"),
    ("admin", "DELETE", "/api/layers/files/nobody"),
    ("admin", "POST", "/api/grid-cells"),
    ("admin", "GET", "/api/grid-cells/nobody"),
    ("admin", "POST", "/api/grid-cells/nobody/stop"),
    ("viewer", "GET", "/ogc/collections/assets/items"),
    ("viewer", "GET", "/ogc/collections/assets/items?filter=TRUE"),
    ("viewer", "OPTIONS", "/ogc/collections/assets/items"),
    ("admin", "POST", "/ogc/collections/nobody/items"),
    ("admin", "PUT", "/ogc/collections/nobody/items/1"),
    ("admin", "PATCH", "/ogc/collections/nobody/items/1"),
    ("admin", "DELETE", "/ogc/collections/nobody/items/1"),
    ("viewer", "GET", "/ogc/collections/assets/queryables"),
    ("viewer", "GET", "/ogc/collections/assets/tiles"),
    ("viewer", "GET", "/ogc/collections/assets/tiles/CGCS2000Quad"),
    ("viewer", "GET", "/ogc/collections/assets/tiles/CGCS2000Quad/0/0/0"),
    ("viewer", "GET", "/ogc/collections/assets/tiles/WebMercatorQuad/tilejson.json"),
    ("viewer", "GET", "/ogc/onemap.qgz"),
    ("viewer", "GET", "/ogc/collections/assets/onemap.qlr"),
    ("viewer", "GET", "/ogc/tileMatrixSets"),
    ("viewer", "GET", "/ogc/tileMatrixSets/CGCS2000Quad"),
    ("viewer", "GET", "/tiles/base/0/0/0.mvt"),
    ("dispatcher", "POST", f"/api/alarms/{NOBODY}/acknowledge"),
    ("commander", "POST", f"/api/alarms/{NOBODY}/shelve"),
    ("dispatcher", "POST", "/api/incidents"),
    ("dispatcher", "POST", f"/api/incidents/{NOBODY}/assignments"),
    ("dispatcher", "POST", f"/api/incidents/{NOBODY}/status"),
    ("commander", "PATCH", f"/api/incidents/{NOBODY}"),
    ("admin", "PUT", "/api/classification/sensor/nobody"),
    ("admin", "PUT", "/api/classification/facility/nobody"),
    ("admin", "PUT", "/api/names/sensor/nobody"),
    ("admin", "PUT", "/api/names/unit/nobody"),
    ("dispatcher", "POST", "/api/units/nobody/status"),
    ("dispatcher", "GET", "/api/units/nobody/phones"),
    ("dispatcher", "POST", "/api/units/nobody/phones"),
    ("dispatcher", "DELETE", f"/api/units/nobody/phones/{NOBODY}"),
    ("dispatcher", "GET", "/api/field"),
    ("dispatcher", "POST", "/api/field/acts"),
    ("dispatcher", "GET", "/api/dead-letters"),
    ("dispatcher", "GET", "/api/dead-letters/1"),
    ("admin", "POST", "/api/dead-letters/replay"),
    ("admin", "POST", "/api/dead-letters/discard"),
    ("dispatcher", "GET", "/api/set-aside"),
    ("admin", "POST", "/api/set-aside/retry"),
    ("admin", "POST", "/api/set-aside/drop"),
    ("dispatcher", "GET", "/api/quarantine"),
    ("admin", "POST", "/api/quarantine/lift"),
    ("admin", "GET", "/api/broker"),
    ("admin", "GET", "/api/devices"),
    ("admin", "POST", "/api/devices"),
    ("admin", "POST", "/api/devices/import"),
    ("admin", "GET", "/api/devices/nobody"),
    ("admin", "PUT", "/api/devices/nobody"),
    ("admin", "POST", "/api/devices/nobody/rotate"),
    ("admin", "POST", "/api/devices/nobody/revoke"),
    ("admin", "POST", "/api/sensors/nobody/accept"),
    ("admin", "POST", "/api/sensors/nobody/retire"),
    ("admin", "POST", "/api/sources"),
    ("admin", "PATCH", "/api/sources/nobody"),
]
# bodies that are well said, so that the door is asked and not the body; what they speak of is not there
BODIES: dict[str, object] = {
    "/api/catalogue/open-data": {"enabled": False},
    "/api/catalogue/layer/nobody": {"version": 0},
    "/api/catalogue/layer/nobody/requests": {"department": "works", "purpose": "test"},
    "/api/catalogue/requests/1/decision": {"grant": False},
    f"/api/alarms/{NOBODY}/shelve": {"minutes": 5, "reason": "test"},
    "/api/alarms/acknowledge": {"ids": [str(NOBODY)]},
    "/api/silences": {
        "matchers": [{"label": "thing", "is": ["nobody"]}],
        "ends_at": "2190-01-01T00:00:00Z",
        "starts_at": "2189-12-31T00:00:00Z",
        "why": "test",
    },
    "/api/routes": {"id": "permission-test", "name_zh": "x", "name_en": "x"},
    "/api/routes/nobody": {"version": 1},
    "/api/subscriptions": {"name_zh": "x", "sender": "mail", "options": {"to": ["a@example.org"]}},
    "/api/subscriptions/nobody": {"version": 1},
    "/api/subscriptions/preview": {},
    "/api/silences/nobody": {"version": 1},
    "/api/routes/effect": {"what": "route", "id": "nobody", "given": {"version": 1}},
    "/api/routes/nobody/take-back": {"to": 1, "version": 1},
    "/api/inhibitions/nobody/take-back": {"to": 1, "version": 1},
    "/api/rules": {
        "id": "permission-test",
        "kind": "anomaly",
        "alarm_kind": "unusual",
        "name_zh": "x",
        "name_en": "x",
        "params": {"metric": "nothing"},
    },
    "/api/rules/try": {"rule": "nobody", "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
    "/api/rules/nobody": {"version": 1},
    "/api/rules/nobody/arm": {},
    "/api/rules/nobody/disarm": {},
    "/api/rules/nobody/take-back": {"to": 1},
    f"/api/alarms/{NOBODY}/useful": {"useful": True},
    f"/api/alarms/{NOBODY}/comments": {"text": "test"},
    f"/api/alarms/{NOBODY}/owner": {"mine": True},
    f"/api/alarms/{NOBODY}/out-of-service": {"reason": "test"},
    "/api/inhibitions": {
        "id": "permission-test",
        "name_zh": "x",
        "name_en": "x",
        "source": [{"label": "thing", "is": ["nobody"]}],
        "target": [{"label": "thing", "is": ["nothing"]}],
    },
    "/api/inhibitions/nobody": {"version": 1},
    "/api/incidents": {"alarm": str(NOBODY)},
    f"/api/incidents/{NOBODY}/assignments": {"unit": "nobody"},
    f"/api/incidents/{NOBODY}/status": {"status": "closed", "version": 1},
    f"/api/incidents/{NOBODY}": {"classification": 1, "version": 1},
    "/api/classification/sensor/nobody": {"classification": 1},
    "/api/classification/facility/nobody": {"classification": 1},
    "/api/names/sensor/nobody": {"name_zh": "甲", "name_en": "A"},
    "/api/names/unit/nobody": {"name_zh": "甲", "name_en": "A"},
    "/api/units/nobody/status": {"status": "available"},
    "/api/units/nobody/phones": {"name": "test"},
    "/api/field/acts": {"clock": "2026-01-01T00:00:00Z", "acts": [{}]},
    "/api/dead-letters/replay": {"ids": [1]},
    "/api/dead-letters/discard": {"ids": [1], "why": "test"},
    "/api/set-aside/retry": {"what": "nothing", "id": "1"},
    "/api/set-aside/drop": {"what": "nothing", "id": "1"},
    "/api/quarantine/lift": {"owner": "account:nobody", "kind": "rate"},
    "/api/devices": {"name": "permission-test", "kind": "gateway"},
    "/api/sources": {"id": "permission-test", "name_zh": "x", "name_en": "x", "topic_filters": ["a/b"], "decoder": "-"},
    "/api/devices/import": {"csv": "name,kind\n"},
    "/api/devices/nobody": {"name": "nobody", "kind": "gateway"},
    "/api/sensors/nobody/accept": {"kind": "water_level", "lon": 118.0, "lat": 31.0},
    "/api/sources/nobody": {"version": 1},
    "/api/layers/nobody": {"version": 1},
    "/api/grid-cells": {"district": "000001"},
    "/api/layers/nobody/rows": {"values": {}},
    "/api/layers/nobody/rows/1": {"version": 1, "values": {}},
    "/api/layers/nobody/rows/2": {"version": 1},
    "/api/layers/nobody/rows/1/revert": {"version": 1, "event": 1},
    "/api/base-maps/permission-test": {
        "title_zh": "x",
        "title_en": "x",
        "address": "http://127.0.0.1:9/{z}/{x}/{y}",
        "attribution": "x",
    },
    "/api/assets/nobody": {"version": 1},
    "/api/assets/nobody/revert": {"version": 1, "event": 1},
}


@pytest.fixture(scope="module")
def own(own_settings: Settings, broker: Broker) -> Iterator[System]:
    """A server of its own: a route, a rule or an account that is made here shall be in no other test's way."""
    with System(own_settings, broker, LOGS / "test_permissions") as system:
        yield system.start("serve")


@pytest.fixture(scope="module")
def clients(own: System) -> Iterator[dict[str, httpx.Client]]:
    held = {role: own.api(role) for role in ROLES}
    yield held
    for client in held.values():
        client.close()


@pytest.mark.parametrize(("lowest", "method", "path"), DOORS, ids=[f"{m} {p}" for _, m, p in DOORS])
def test_door_is_open_to_whom_it_always_was(
    lowest: str, method: str, path: str, clients: dict[str, httpx.Client]
) -> None:
    answers = {role: clients[role].request(method, path, json=BODIES.get(path)) for role in ROLES}
    may = {role: ROLES.index(role) >= ROLES.index(lowest) for role in ROLES}
    # a body that lacks what it must have is said before anything else is asked
    if all(answer.status_code == 422 for answer in answers.values()):
        pytest.fail(f"{path}: {answers['admin'].text}")
    assert {role: answer.status_code != 403 for role, answer in answers.items()} == may


# what whoever sees the city reads, and what everybody who is logged in reads; ids are those of nobody
CITY = {
    "/api/alarms",
    "/api/alarms/{alarm_id}",
    "/api/alarm-groups",
    "/api/alarm-groups/{line}/alarms",
    "/api/analysis",
    "/api/analysis/{subject}",
    "/api/analysis/{subject}/export",
    "/api/analysis/{subject}/figure",
    "/api/assets/{asset_id}",
    "/api/assets/{asset_id}/history",
    "/api/cameras",
    "/api/cameras/{camera_id}",
    "/api/cards/video_event/{camera}/{event}",
    "/api/cards/{kind}/{identity}",
    "/api/catalogue",
    "/api/catalogue/dcat",
    "/api/catalogue/open-data",
    "/api/catalogue/requests",
    "/api/catalogue/requests/waiting",
    "/api/catalogue/scores",
    "/api/catalogue/{kind}/{resource_id}",
    "/api/city",
    "/api/datums",
    "/api/incidents",
    "/api/incidents/{incident_id}",
    "/api/incidents/{incident_id}/log",
    "/api/incidents/{incident_id}/recommendations",
    "/api/incidents/{incident_id}/routes",
    "/api/layers",
    "/api/layers/{name}",
    "/api/layers/{name}/export",
    "/api/layers/{name}/features",
    "/api/layers/{name}/rows",
    "/api/layers/{name}/rows/{row}",
    "/api/layers/{name}/rows/{row}/history",
    "/api/me",
    "/api/me/sessions",
    "/api/pictures/{sha256}.jpg",
    "/api/pictures/{sha256}/thumbnail.jpg",
    "/api/risk/explain",
    "/api/search",
    "/api/sensors",
    "/api/sensors/{sensor_id}",
    "/api/sensors/{sensor_id}/observations",
    "/api/state",
    "/api/texts",
    "/api/units",
    "/api/video-events",
    "/api/vocabulary",
    "/api/warnings",
    "/api/warnings/{identity}",
}


# what stands for a name in an address, where that is not any text
NAMED = {"{line}": "rain:rain", "{kind}": "unit", "{alarm_id}": str(NOBODY), "{incident_id}": str(NOBODY)}


def test_who_only_sees_the_city_is_told_nothing_of_how_it_is_made(own: System, own_engine: Engine) -> None:
    """Every address there is, so that a new one is thought of."""
    with own.api("admin") as admin:
        role = {"id": "onlooker", "name_zh": "看", "name_en": "Onlooker", "permissions": ["city.read"]}
        assert admin.post("/api/roles", json=role).status_code == 201
        paths = admin.get("/api/openapi.json").json()["paths"]
    with own_engine.begin() as conn:
        add_account(conn, "onlooker", "Onlooker", "onlooker", PASSWORD, now())
    with own.api("onlooker") as onlooker:
        answers = {
            path: onlooker.get(re.sub(r"\{\w+\}", lambda name: NAMED.get(name[0], "1"), path)).status_code
            for path in paths
            if "get" in paths[path] and path.startswith("/api/")
        }
    assert {path for path, status in answers.items() if status != 403} == CITY
    assert not [path for path, status in answers.items() if status >= 500]
