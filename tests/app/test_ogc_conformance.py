"""The abstract tests of OGC API Features Part 1 (17-069r4), Part 2 (18-058r1) and Part 3 (19-079r2), CQL2 (21-065r2),
Features Part 4 (20-002, as its draft stands), Tiles Part 1 (20-057) and Tile Matrix Sets 2.0 (17-083r4), one by one, by
the requirements they are about."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import shapely
from shapely.geometry import shape
from sqlalchemy import Engine, text

from app.ogc.document import CONFORMS
from layers.ogc.query import LIMIT, MOST
from layers.ogc.systems import CRS84, EPSG, SYSTEMS
from layers.own import remove_layer
from tests.layers.test_filters import COLUMNS, FINDS, ROWS, keep_kinds
from tests.layers.test_served import decode, tile_at

Json = dict[str, Any]
Proof = Callable[["Api"], None]
PROOFS: dict[str, Proof] = {}
KINDS = "/collections/kinds"
INCIDENT = "ogc-1"
OPENED = """
INSERT INTO incident (id, number, kind, level, status, titles, channel, district, opened_at, changed_at, opened_by,
  version)
VALUES (gen_random_uuid(), :number, 'fire', 1, 'open', '{"zh": "火"}', 'desk', '000000', '2026-05-04T08:00:00Z',
  '2026-05-04T08:00:00Z', 'me', 1)
"""


class Api:
    """`/ogc` as a client has it; `officer` may edit."""

    def __init__(self, client: httpx.Client, officer: httpx.Client) -> None:
        self.client, self.officer = client, officer

    def ask(self, path: str, **params: Any) -> httpx.Response:
        asked = {name.replace("_", "-"): value for name, value in params.items()}
        return self.client.get(path if path.startswith("http") else f"/ogc{path}", params=asked or None)

    def get(self, path: str, **params: Any) -> Json:
        answer = self.ask(path, **params)
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    def rows(self, path: str = KINDS, **params: Any) -> set[int]:
        return {int(one["properties"]["key"]) for one in self.get(f"{path}/items", **params)["features"]}

    def link(self, body: Json, rel: str) -> str:
        [found] = [link["href"] for link in body["links"] if link["rel"] == rel]
        return str(found)

    def parameter(self, name: str) -> Json:
        found: Json = self.get("/api")["components"]["parameters"][name]
        return found


@pytest.fixture(scope="module")
def api(viewer: httpx.Client, officer: httpx.Client, db: Engine) -> Iterator[Api]:
    with db.begin() as conn:
        keep_kinds(conn)
        conn.execute(text(OPENED), {"number": INCIDENT})
    yield Api(viewer, officer)
    with db.begin() as conn:
        remove_layer(conn, "kinds")
        conn.execute(text("DELETE FROM incident WHERE number = :number"), {"number": INCIDENT})


def proves(*requirements: str) -> Callable[[Proof], Proof]:
    """Requirements as `PART/req/CLASS/NAME`."""

    def keep(proof: Proof) -> Proof:
        for requirement in requirements:
            assert requirement not in PROOFS, requirement
            PROOFS[requirement] = proof
        return proof

    return keep


# --- Features Part 1: core --------------------------------------------------------------------------------------------

CORE = "features-1/req/core/"


@proves(f"{CORE}root-op", f"{CORE}root-success")
def landing(api: Api) -> None:
    body = api.get("/")
    assert {"service-desc", "conformance", "data"} <= {link["rel"] for link in body["links"]}


@proves(f"{CORE}api-definition-op", f"{CORE}api-definition-success")
def definition(api: Api) -> None:
    [link] = [link for link in api.get("/")["links"] if link["rel"] == "service-desc"]
    answer = api.ask(link["href"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == link["type"]


@proves(f"{CORE}conformance-op", f"{CORE}conformance-success")
def declared(api: Api) -> None:
    assert tuple(api.get("/conformance")["conformsTo"]) == CONFORMS


@proves(f"{CORE}http")
def http(api: Api) -> None:
    assert api.ask("/").http_version.startswith("HTTP/")
    assert api.ask("/nothing").status_code == 404
    assert api.client.head("/ogc").status_code in (200, 405)
    assert api.client.post("/ogc/collections").status_code in (404, 405)


@proves(f"{CORE}query-param-unknown")
def unknown(api: Api) -> None:
    for path in ("/", "/conformance", "/collections", KINDS, f"{KINDS}/items", f"{KINDS}/queryables", "/api"):
        assert api.ask(path, nothing="1").status_code == 400, path


@proves(f"{CORE}query-param-invalid")
def invalid(api: Api) -> None:
    for name, value in (("limit", "many"), ("bbox", "1,2,3"), ("datetime", "soon"), ("f", "gml"), ("n", "x")):
        assert api.ask(f"{KINDS}/items", **{name: value}).status_code == 400, name


@proves(f"{CORE}crs84", "features-2/req/crs/fc-crs-default-value")
def longitude_first(api: Api) -> None:
    answer = api.ask(f"{KINDS}/items")
    assert answer.headers["content-crs"] == f"<{CRS84}>"
    for one in answer.json()["features"]:
        assert one["geometry"] is None or one["geometry"]["coordinates"][0] > 90


@proves(f"{CORE}fc-md-op", f"{CORE}fc-md-success", f"{CORE}fc-md-links", f"{CORE}fc-md-items")
def listed(api: Api) -> None:
    body = api.get("/collections")
    assert api.link(body, "self")
    ids = [one["id"] for one in body["collections"]]
    assert len(ids) == len(set(ids))
    assert {"assets", "streets", "kinds"} <= set(ids)


@proves(f"{CORE}fc-md-items-links")
def listed_items(api: Api) -> None:
    for one in api.get("/collections")["collections"]:
        [link] = [link for link in one["links"] if link["rel"] == "items"]
        assert link["type"] == "application/geo+json"


@proves(f"{CORE}fc-md-extent", f"{CORE}fc-md-extent-multi")
def extents(api: Api) -> None:
    [west, south, east, north] = api.get(KINDS)["extent"]["spatial"]["bbox"][0]
    for one in api.get(f"{KINDS}/items")["features"]:
        if one["geometry"] is not None:
            lon, lat = one["geometry"]["coordinates"]
            assert west <= lon <= east
            assert south <= lat <= north


@proves(f"{CORE}sfc-md-op", f"{CORE}sfc-md-success")
def described(api: Api) -> None:
    for one in api.get("/collections")["collections"]:
        alone = api.get(f"/collections/{one['id']}")
        assert {name: alone[name] for name in ("id", "title", "crs")} == {
            name: one[name] for name in ("id", "title", "crs")
        }
    assert api.ask("/collections/nothing").status_code == 404


@proves(f"{CORE}fc-op", f"{CORE}fc-response")
def features(api: Api) -> None:
    for one in api.get("/collections")["collections"]:
        body = api.get(f"/collections/{one['id']}/items", limit=2)
        assert body["type"] == "FeatureCollection"
        assert len(body["features"]) <= 2
    assert api.rows() == set(range(len(ROWS)))


@proves(f"{CORE}fc-limit-definition")
def limit_defined(api: Api) -> None:
    told = api.parameter("limit")
    assert (told["in"], told["required"], told["style"], told["explode"]) == ("query", False, "form", False)
    assert told["schema"] == {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT}


@proves(f"{CORE}fc-limit-response-1")
def limit_kept(api: Api) -> None:
    for limit in (1, 3, 100):
        assert len(api.get(f"{KINDS}/items", limit=limit)["features"]) == min(limit, len(ROWS))
    assert len(api.get("/collections/streets/items")["features"]) == LIMIT
    assert api.ask("/collections/streets/items", limit=MOST + 1).status_code == 200


@proves(f"{CORE}fc-bbox-definition")
def bbox_defined(api: Api) -> None:
    told = api.parameter("bbox")
    assert (told["in"], told["required"], told["style"], told["explode"]) == ("query", False, "form", False)
    assert told["schema"] == {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}


@proves(f"{CORE}fc-bbox-response")
def bbox_kept(api: Api) -> None:
    for box in (
        (118.9, 31.3, 119.05, 31.45),
        (118.0, 31.0, 120.0, 32.0),
        (0.0, 0.0, 1.0, 1.0),
        (119.15, 0.0, 118.95, 80.0),
    ):
        west, south, east, north = box
        parts = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        wanted = {
            number
            for number, row in enumerate(ROWS)
            if row.place and any(shapely.box(w, south, e, north).intersects(shapely.Point(row.place)) for w, e in parts)
        }
        assert api.rows(bbox=",".join(map(str, box))) == wanted
        with_heights = f"{west},{south},0,{east},{north},100"
        assert api.rows(bbox=with_heights) == wanted


@proves(f"{CORE}fc-time-definition")
def time_defined(api: Api) -> None:
    told = api.parameter("datetime")
    assert (told["in"], told["required"], told["schema"]) == ("query", False, {"type": "string"})


@proves(f"{CORE}fc-time-response")
def time_kept(api: Api) -> None:
    """Every variation of the requirement; what has no time (`kinds`) is in every answer."""
    cases = {
        "2026-05-04T08:00:00Z": True,
        "2026-05-04T16:00:00+08:00": True,
        "2026-05-04T08:00:01Z": False,
        "2026-05-04/2026-05-05": True,
        "2026-05-05/2026-05-06": False,
        "../2026-05-05": True,
        "/2026-05-05": True,
        "../2026-05-04": False,
        "2026-05-04/..": True,
        "2026-05-04/": True,
        "2026-05-05/": False,
    }
    for words, inside in cases.items():
        found = api.get("/collections/incidents/items", datetime=words, limit=MOST)["features"]
        assert (INCIDENT in {one["properties"]["number"] for one in found}) == inside, words
        assert api.rows(datetime=words) == set(range(len(ROWS)))


@proves(f"{CORE}fc-links")
def pages(api: Api) -> None:
    seen: list[str] = []
    body = api.get(f"{KINDS}/items", limit=2)
    while True:
        assert api.link(body, "self")
        seen += [one["id"] for one in body["features"]]
        rels = {link["rel"] for link in body["links"]}
        assert "alternate" in rels
        if "next" not in rels:
            break
        body = api.get(api.link(body, "next"))
    assert len(seen) == len(set(seen)) == len(ROWS)


@proves(f"{CORE}fc-timeStamp")
def stamped(api: Api) -> None:
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", api.get(f"{KINDS}/items")["timeStamp"]
    )


@proves(f"{CORE}fc-numberMatched")
def matched(api: Api) -> None:
    assert api.get(f"{KINDS}/items")["numberMatched"] == len(ROWS)
    assert api.get(f"{KINDS}/items", filter="n > 1")["numberMatched"] == 2
    assert "numberMatched" not in api.get(f"{KINDS}/items", limit=2), "it is not counted where that costs"


@proves(f"{CORE}fc-numberReturned")
def returned(api: Api) -> None:
    for limit in (1, 4, 100):
        body = api.get(f"{KINDS}/items", limit=limit)
        assert body["numberReturned"] == len(body["features"])


@proves(f"{CORE}f-op", f"{CORE}f-success", f"{CORE}f-links")
def one_feature(api: Api) -> None:
    for name in ("kinds", "assets", "streets", "districts"):
        [first] = api.get(f"/collections/{name}/items", limit=1)["features"]
        alone = api.get(f"/collections/{name}/items/{first['id']}")
        assert {key: alone[key] for key in first} == first
        assert {"self", "alternate", "collection"} <= {link["rel"] for link in alone["links"]}
        assert api.get(api.link(alone, "collection"))["id"] == name
    assert api.ask(f"{KINDS}/items/nothing").status_code == 404


# --- GeoJSON, OpenAPI 3.0 ---------------------------------------------------------------------------------------------


@proves("features-1/req/geojson/definition", "features-1/req/geojson/content")
def geojson(api: Api) -> None:
    for name in ("kinds", "streets", "districts", "water"):
        answer = api.ask(f"/collections/{name}/items", limit=3)
        assert answer.headers["content-type"] == "application/geo+json"
        for one in answer.json()["features"]:
            assert one["type"] == "Feature"
            assert {"id", "geometry", "properties"} <= set(one)
            assert one["geometry"] is None or shape(one["geometry"]).is_valid
        assert answer.json()["links"]


@proves(
    "features-1/req/oas30/oas-definition-1", "features-1/req/oas30/oas-definition-2", "features-1/req/oas30/oas-impl"
)
def openapi(api: Api) -> None:
    told = api.get("/api")
    assert told["openapi"].startswith("3.0.")
    assert told["info"]["title"]
    assert told["info"]["version"]
    for path, about in told["paths"].items():
        names = [re.sub(r".*/", "", ref["$ref"]) for ref in about["get"]["parameters"] if "$ref" in ref]
        assert set(re.findall(r"\{(\w+)\}", path)) <= set(names), path
        assert all(name in told["components"]["parameters"] for name in names), path


@proves("features-1/req/oas30/completeness", "features-1/req/oas30/exceptions-codes")
def complete(api: Api) -> None:
    for path, about in api.get("/api")["paths"].items():
        assert {"200", "400", "401"} <= set(about["get"]["responses"]), path
        assert ("404" in about["get"]["responses"]) == ("/collections/" in path or "{" in path), path


@proves("features-1/req/oas30/security")
def secured(api: Api) -> None:
    told = api.get("/api")
    assert told["security"] == [{"token": []}]
    assert told["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


# --- Features Part 2: coordinate reference systems --------------------------------------------------------------------

CRS = "features-2/req/crs/"


@proves(f"{CRS}crs-uri", f"{CRS}fc-md-crs-list", f"{CRS}fc-md-crs-list-global")
def systems(api: Api) -> None:
    body = api.get("/collections")
    for one in [body, *body["collections"]]:
        assert one["crs"] == list(SYSTEMS)
    assert all(re.fullmatch(r"http://www\.opengis\.net/def/crs/(OGC|EPSG)/[\d.]+/\w+", uri) for uri in body["crs"])


@proves(f"{CRS}fc-md-storageCrs", f"{CRS}fc-md-storageCrs-valid-value")
def storage(api: Api) -> None:
    for one in api.get("/collections")["collections"]:
        assert one["storageCrs"] in one["crs"]


@proves(f"{CRS}fc-bbox-crs-definition", f"{CRS}fc-crs-definition")
def systems_defined(api: Api) -> None:
    for name in ("crs", "bbox-crs"):
        told = api.parameter(name)
        assert (told["in"], told["required"], told["style"], told["explode"]) == ("query", False, "form", False)
        assert told["schema"]["type"] == "string"
        assert told["schema"]["format"] == "uri"


@proves(f"{CRS}fc-bbox-crs-valid-value", f"{CRS}fc-bbox-crs-default-value", f"{CRS}fc-bbox-crs-action")
def boxes(api: Api) -> None:
    straight, turned = "118.8,31.2,119.05,31.45", "31.2,118.8,31.45,119.05"
    metres = "13224755.5,3661000,13252586.0,3694000"
    wanted = {0, 1}
    assert api.rows(bbox=straight) == wanted
    assert api.rows(bbox=straight, bbox_crs=CRS84) == wanted
    for code in (4326, 4490):
        assert api.rows(bbox=turned, bbox_crs=f"{EPSG}{code}") == wanted
    assert api.rows(bbox=metres, bbox_crs=f"{EPSG}3857") == wanted
    assert api.ask(f"{KINDS}/items", bbox=straight, bbox_crs=f"{EPSG}2154").status_code == 400


@proves(f"{CRS}fc-crs-valid-value", f"{CRS}fc-crs-action", f"{CRS}ogc-crs-header", f"{CRS}ogc-crs-header-value")
def answers(api: Api) -> None:
    [first] = api.get(f"{KINDS}/items", key="0")["features"]
    for path in (f"{KINDS}/items", f"{KINDS}/items/{first['id']}"):
        for system in SYSTEMS:
            answer = api.ask(path, crs=system)
            assert answer.status_code == 200
            assert answer.headers["content-crs"] == f"<{system}>"
        assert api.ask(path, crs=f"{EPSG}2154").status_code == 400


@proves(f"{CRS}geojson")
def coordinates(api: Api) -> None:
    for system, (code, turned) in SYSTEMS.items():
        [one] = api.get(f"{KINDS}/items", key="0", crs=system)["features"]
        first, second = one["geometry"]["coordinates"]
        lon, lat = (second, first) if turned else (first, second)
        assert (lon, lat) == (pytest.approx(118.9), pytest.approx(31.3)) if code != 3857 else lon > 1e7


# --- Features Part 3: queryables, filter ------------------------------------------------------------------------------

PART3 = "features-3/req/"


@proves(f"{PART3}queryables/queryables-link", f"{PART3}features-filter/queryables-link")
def queryables_linked(api: Api) -> None:
    rel = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
    for one in [*api.get("/collections")["collections"], api.get(f"{KINDS}/items")]:
        assert api.ask(api.link(one, rel)).status_code == 200
    assert f'rel="{rel}"' in api.ask(f"{KINDS}/items").headers["link"]


@proves(f"{PART3}queryables/get-queryables-op", f"{PART3}queryables/get-queryables-response",
        f"{PART3}features-filter/get-queryables-op")  # fmt: skip
def queryables(api: Api) -> None:
    answer = api.ask(f"{KINDS}/queryables")
    assert answer.headers["content-type"] == "application/schema+json"
    body = answer.json()
    assert body["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert body["$id"] == str(answer.url)
    assert body["type"] == "object"
    assert set(body["properties"]) == {"key", *COLUMNS, "geometry"}
    assert body["properties"]["at"]["format"] == "date-time"


@proves(f"{PART3}queryables/expression-construction")
def only_queryables(api: Api) -> None:
    assert api.ask(f"{KINDS}/items", filter="district = '000000'").status_code == 400


@proves(f"{PART3}queryables-query-parameters/parameters")
def columns(api: Api) -> None:
    schemas = api.get(f"{KINDS}/queryables")["properties"]
    told = {
        one["name"]: one["schema"]
        for one in api.get("/api")["paths"][f"{KINDS}/items"]["get"]["parameters"]
        if "name" in one
    }
    for name, kind in COLUMNS.items():
        assert told[name].items() <= schemas[name].items()
        for value in {row.values[name] for row in ROWS} - {None, ""}:
            words = str(value).lower() if kind == "boolean" else str(value)
            assert api.rows(**{name: words}) == {n for n, row in enumerate(ROWS) if row.values[name] == value}


@proves(f"{PART3}filter/filter-param", f"{PART3}features-filter/filter-param", f"{PART3}filter/response",
        f"{PART3}features-filter/response")  # fmt: skip
def filtered(api: Api) -> None:
    assert api.parameter("filter")["schema"] == {"type": "string"}
    assert api.rows(filter="n > 1") == {1, 2}
    assert api.ask(f"{KINDS}/items", filter="n >").status_code == 400


@proves(f"{PART3}filter/filter-lang-param", f"{PART3}features-filter/filter-lang-param")
def languages(api: Api) -> None:
    told = api.parameter("filter-lang")["schema"]
    assert told == {"type": "string", "enum": ["cql2-text", "cql2-json"], "default": "cql2-text"}
    assert api.rows(filter="n > 1", filter_lang="cql2-text") == {1, 2}
    assert api.rows(filter='{"op":">","args":[{"property":"n"},1]}', filter_lang="cql2-json") == {1, 2}
    assert api.ask(f"{KINDS}/items", filter="n > 1", filter_lang="ecql").status_code == 400


@proves(
    f"{PART3}filter/filter-crs-wgs84", f"{PART3}filter/filter-crs-param", f"{PART3}features-filter/filter-crs-param"
)
def filter_systems(api: Api) -> None:
    straight, turned = (
        "S_INTERSECTS(geometry,BBOX(118.8,31.2,119.05,31.45))",
        "S_INTERSECTS(geometry,BBOX(31.2,118.8,31.45,119.05))",
    )
    assert api.rows(filter=straight) == api.rows(filter=straight, filter_crs=CRS84) == {0, 1}
    assert api.rows(filter=turned, filter_crs=f"{EPSG}4490") == {0, 1}
    assert api.ask(f"{KINDS}/items", filter=straight, filter_crs=f"{EPSG}2154").status_code == 400


@proves(f"{PART3}filter/mixing-expressions")
def mixed(api: Api) -> None:
    assert api.rows(filter="n > 0", bbox="118.95,31,120,32", ok="true") == {2}


# --- Features Part 4: create, replace, update, delete -----------------------------------------------------------------

GEOJSON, PATCH = "application/geo+json", "application/merge-patch+json"
# by the names of the draft that stands, and of the one before it
PART4 = ("common-5/req/", "features-4/req/")


def of_part4(*names: str) -> Callable[[Proof], Proof]:
    return proves(*(f"{part}{name}" for part in PART4 for name in names))


def feature(n: int, place: tuple[float, float] = (118.95, 31.36), **more: Any) -> Json:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": list(place)},
        "properties": {"n": n, "名称": "新"},
        **more,
    }


class Made:
    """A feature of its own for one proof, gone after it."""

    def __init__(self, api: Api, n: int = 90) -> None:
        self.api = api
        answer = api.officer.post(f"/ogc{KINDS}/items", json=feature(n), headers={"Content-Type": GEOJSON})
        assert answer.status_code == 201, answer.text
        self.url = answer.headers["location"]

    def __enter__(self) -> Made:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.officer.delete(self.url)

    def get(self) -> httpx.Response:
        return self.api.client.get(self.url)

    def send(self, method: str, body: Json, **headers: str) -> httpx.Response:
        kind = PATCH if method == "PATCH" else GEOJSON
        given = {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.api.officer.request(method, self.url, json=body, headers=given)


@of_part4("create-replace-delete/methods", "create-replace-delete/options-op", "create-replace-delete/options-response",
          "create-replace-delete/options-accept-post", "update/methods", "update/options-accept-patch")  # fmt: skip
def options(api: Api) -> None:
    many = api.officer.options(f"/ogc{KINDS}/items")
    assert (many.status_code, many.headers["allow"]) == (200, "GET, OPTIONS, POST")
    assert GEOJSON in many.headers["accept-post"]
    with Made(api) as made:
        one = api.officer.options(made.url)
        assert (one.status_code, one.headers["allow"]) == (200, "DELETE, GET, OPTIONS, PATCH, PUT")
        assert one.headers["accept-patch"] == PATCH
        assert api.client.options(made.url).headers["allow"] == "GET, OPTIONS", "who may only read is told so"
    assert api.officer.options("/ogc/collections/streets/items").headers["allow"] == "GET, OPTIONS"


@of_part4("create-replace-delete/post-op", "create-replace-delete/post-body", "create-replace-delete/post-response",
          "create-replace-delete/post-response-rid")  # fmt: skip
def created(api: Api) -> None:
    with Made(api) as made:
        told = made.get().json()
        assert told["properties"]["n"] == 90
        assert told["geometry"] == feature(90)["geometry"]
        assert made.url.endswith(f"{KINDS}/items/{told['id']}")
    named = api.officer.post(f"/ogc{KINDS}/items", json=feature(91, id="mine"), headers={"Content-Type": GEOJSON})
    assert named.status_code == 201
    assert not named.headers["location"].endswith("/mine"), "the number is the server's to give"
    assert api.officer.delete(named.headers["location"]).status_code == 204


@of_part4("create-replace-delete/post-content-type", "create-replace-delete/put-content-type",
          "update/patch-content-type")  # fmt: skip
def without_a_type(api: Api) -> None:
    body = json.dumps(feature(92)).encode()
    with Made(api) as made:
        for method, url in (("POST", f"/ogc{KINDS}/items"), ("PUT", made.url), ("PATCH", made.url)):
            assert api.officer.request(method, url, content=body).status_code == 400, method


@of_part4("create-replace-delete/put-op", "create-replace-delete/put-body", "create-replace-delete/put-response")
def replaced(api: Api) -> None:
    with Made(api) as made:
        body = feature(93, (118.96, 31.37))
        assert made.send("PUT", body).status_code == 204
        told = made.get().json()
        assert told["geometry"] == body["geometry"]
        assert {name: value for name, value in told["properties"].items() if value is not None} == {
            "key": told["properties"]["key"],
            **body["properties"],
        }


@of_part4("create-replace-delete/put-rid", "update/rid")
def its_number_stays(api: Api) -> None:
    with Made(api) as made:
        before = made.get().json()
        for method in ("PUT", "PATCH"):
            assert made.send(method, feature(94, id="99999")).status_code == 422
        assert made.get().json() == before


@of_part4("create-replace-delete/put-rid-exception")
def nothing_to_replace(api: Api) -> None:
    for headers in ({}, {"If-Match": '"xyz"'}):
        url = f"/ogc{KINDS}/items/999999999"
        answer = api.officer.put(url, json=feature(95), headers={"Content-Type": GEOJSON, **headers})
        assert answer.status_code == 404
        assert api.client.get(url).status_code == 404


@of_part4("create-replace-delete/delete-op", "create-replace-delete/delete-response")
def deleted(api: Api) -> None:
    with Made(api) as made:
        assert api.officer.delete(made.url).status_code == 204
        assert made.get().status_code == 404


@of_part4("update/update-patch-op", "update/update-patch-body", "update/update-patch-response")
def updated(api: Api) -> None:
    with Made(api) as made:
        before = made.get().json()
        assert made.send("PATCH", {"properties": {"n": 96, "other": 7}}).status_code == 204
        after = made.get().json()
        assert after["properties"] == {**before["properties"], "n": 96, "other": 7}
        assert after["geometry"] == before["geometry"]
        moved = {"type": "Point", "coordinates": [118.97, 31.38]}
        assert made.send("PATCH", {"properties": {"other": None}, "geometry": moved}).status_code == 204
        after = made.get().json()
        assert (after["properties"]["other"], after["geometry"]) == (None, moved)


LOCKING = "optimistic-locking-etags/"


@of_part4(f"{LOCKING}get-etag-response")
def tagged(api: Api) -> None:
    with Made(api) as made:
        assert re.fullmatch(r'"[^"]+"', made.get().headers["etag"])
        other = api.client.get(made.url, params={"crs": f"{EPSG}4326"}).headers["etag"]
        assert other != made.get().headers["etag"], "other bytes, another tag"


@of_part4(f"{LOCKING}ifmatch-put-op", f"{LOCKING}ifmatch-put-eval", f"{LOCKING}put-etag-response",
          f"{LOCKING}ifmatch-patch-op", f"{LOCKING}ifmatch-patch-eval", f"{LOCKING}patch-etag-response")  # fmt: skip
def locked(api: Api) -> None:
    for method in ("PUT", "PATCH"):
        with Made(api) as made:
            tag = made.get().headers["etag"]
            for wrong in ('"0"', f"W/{tag}", '"7", "8"'):
                refused = made.send(method, feature(97), If_Match=wrong)
                assert (refused.status_code, refused.json()["reason"]) == (412, "stale_version")
            assert made.get().headers["etag"] == tag
            done = made.send(method, feature(97), If_Match=f'"0", {tag}')
            assert done.status_code == 204
            assert done.headers["etag"] == made.get().headers["etag"] != tag
            assert made.send(method, feature(98), If_Match=tag).status_code == 412
            assert made.send(method, feature(98)).status_code == 204, "who does not ask is not refused"
            assert made.send(method, feature(99), If_Match="*").status_code == 204
            assert made.send(method, feature(99), If_Match="3").status_code == 400


@of_part4(f"{LOCKING}ifmatch-delete-op", f"{LOCKING}ifmatch-delete-eval")
def locked_from_removal(api: Api) -> None:
    with Made(api) as made:
        tag = made.get().headers["etag"]
        assert api.officer.delete(made.url, headers={"If-Match": '"0"'}).status_code == 412
        assert made.get().status_code == 200
        assert api.officer.delete(made.url, headers={"If-Match": tag}).status_code == 204


@proves("features-4/req/features/resources-endpoint", "features-4/req/features/resource-endpoint",
        "features-4/req/features/content-crs-header", "features-4/req/features/default-crs",
        "features-4/req/features/crs-other-crs")  # fmt: skip
def in_other_systems(api: Api) -> None:
    with Made(api) as made:
        for system, (code, turned) in SYSTEMS.items():
            place = made.api.get(made.url, crs=system)["geometry"]["coordinates"]
            assert (place[0] < 90) == turned
            shifted = [place[0] + (10 if code == 3857 else 1e-4), place[1]]
            body = {"geometry": {"type": "Point", "coordinates": shifted}}
            assert made.send("PATCH", body, Content_Crs=f"<{system}>").status_code == 204
            assert made.api.get(made.url, crs=system)["geometry"]["coordinates"] == pytest.approx(shifted)
        for wrong in (f"<{EPSG}2154>", "EPSG:4326"):
            assert made.send("PATCH", {"properties": {}}, Content_Crs=wrong).status_code == 400


@proves("features-4/req/features/geojson-create-replace", "features-4/req/features/update-json-merge-patch")
def as_geojson(api: Api) -> None:
    with Made(api) as made:
        for member in ("crs", "coordRefSys", "place"):
            assert made.send("PUT", feature(97, **{member: {"type": "name"}})).status_code == 422, member
        told = made.get().json()
        assert made.send("PUT", told).status_code == 204, "what was given away is taken back as it is"
        assert made.get().json() == told


# --- CQL2 -------------------------------------------------------------------------------------------------------------

# class -> what its expressions are told by
CQL2: dict[str, tuple[tuple[str, ...], str]] = {
    "basic-cql2": (
        ("cql2-filter", "property", "binary-comparison-predicate", "null-predicate"),
        r"^\S+ (=|<>|[<>]=?|IS) |TRUE|FALSE|^NOT n|^ok$",
    ),
    "advanced-comparison-operators": (("like-predicate", "between-predicate", "in-predicate"), r"\b(LIKE|BETWEEN|IN) "),
    "case-insensitive-comparison": (("casei-function",), r"CASEI"),
    "accent-insensitive-comparison": (("accenti-function",), r"ACCENTI"),
    "basic-spatial-functions": (("spatial-predicate", "spatial-functions"), r"S_INTERSECTS\(.*(POINT|BBOX)"),
    "basic-spatial-functions-plus": (("spatial-data-types",), r"S_INTERSECTS\(geometry, (POINT|LINE|POLY|MULTI|GEOM)"),
    "temporal-functions": (("temporal-predicates", "temporal-functions"), r"^T_"),
    "property-property": (("withdraw-permissions",), r"^n = other|T_\w+\(INTERVAL\(day, at\)|^n \+ other"),
    "arithmetic": (("arithmetic",), r"^-?n? ?[-+*/%^] |DIV|^x \^|^-n"),
}


def of_class(pattern: str) -> Proof:
    def proof(api: Api) -> None:
        chosen = [(words, rows) for words, rows in FINDS if re.search(pattern, words)]
        assert chosen
        for words, rows in chosen:
            assert api.rows(filter=words) == rows, words

    return proof


for cql2_class, (requirements, told_by) in CQL2.items():
    proves(*(f"cql2/req/{cql2_class}/{name}" for name in requirements))(of_class(told_by))


@proves("cql2/req/cql2-text/basic-cql2", "cql2/req/cql2-text/escaping")
def in_text(api: Api) -> None:
    assert api.rows(filter="\"名称\" = 'it''s' OR n = 1") == {0}
    assert api.rows(filter="n=1 or (n IS NULL)") == {0, 4}


@proves("cql2/req/cql2-json/basic-cql2", "cql2/req/cql2-json/advanced-comparison-operators",
        "cql2/req/cql2-json/basic-spatial-functions", "cql2/req/cql2-json/temporal-functions")  # fmt: skip
def in_json(api: Api) -> None:
    geometry, day = {"property": "geometry"}, {"property": "day"}
    box = {"bbox": [118.8, 31.2, 119.05, 31.45]}
    cases: list[tuple[Json, set[int]]] = [
        ({"op": "isNull", "args": [{"property": "n"}]}, {4}),
        ({"op": "not", "args": [{"op": "in", "args": [{"property": "n"}, [1, 2, 3]]}]}, {3, 5}),
        ({"op": "between", "args": [{"property": "n"}, 1, 2]}, {0, 1}),
        ({"op": "like", "args": [{"property": "名称"}, "_rger"]}, {2}),
        ({"op": "s_intersects", "args": [geometry, box]}, {0, 1}),
        ({"op": "s_intersects", "args": [geometry, {"type": "Point", "coordinates": [119.1, 31.5]}]}, {2}),
        ({"op": "t_during", "args": [{"property": "at"}, {"interval": ["2026-05-01", "2026-05-03"]}]}, {1, 5}),
        ({"op": "t_finishedBy", "args": [{"interval": ["..", day]}, {"date": "2026-05-03"}]}, {2}),
    ]
    for tree, rows in cases:
        assert api.rows(filter=json.dumps(tree), filter_lang="cql2-json") == rows, tree


# --- Tiles ------------------------------------------------------------------------------------------------------------

TILES = "tiles-1/req/"
VECTOR = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"


@proves(f"{TILES}tilesets-list/tileset-links", f"{TILES}geodata-tilesets/desc-links")
def tilesets(api: Api) -> None:
    body = api.get(api.link(api.get("/collections/assets"), VECTOR))
    assert [one["tileMatrixSetId"] for one in body["tilesets"]] == ["WebMercatorQuad", "CGCS2000Quad"]
    for one in body["tilesets"]:
        assert one["dataType"] == "vector"
        assert one["crs"]
        assert api.get(api.link(one, "self"))["tileMatrixSetId"] == one["tileMatrixSetId"]


@proves(f"{TILES}tileset/description")
def tileset(api: Api) -> None:
    for grid in ("WebMercatorQuad", "CGCS2000Quad"):
        body = api.get(f"/collections/assets/tiles/{grid}")
        assert {"title", "dataType", "crs", "links", "layers", "tileMatrixSetLimits", "boundingBox"} <= set(body)
        assert api.get(api.link(body, SCHEME))["id"] == grid
        [item] = [link for link in body["links"] if link["rel"] == "item"]
        assert item["templated"]
        assert all(f"{{{name}}}" in item["href"] for name in ("tileMatrix", "tileRow", "tileCol"))


@proves(f"{TILES}core/tc-op", f"{TILES}core/tc-success", f"{TILES}mvt/content")
def tiles(api: Api) -> None:
    [one] = api.get("/collections/assets/items", limit=1)["features"]
    x, y = tile_at(*one["geometry"]["coordinates"], 15)
    answer = api.ask(f"/collections/assets/tiles/WebMercatorQuad/15/{y}/{x}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert set(decode(answer.content)) == {"assets"}
    empty = api.ask("/collections/assets/tiles/WebMercatorQuad/15/0/0")
    assert (empty.status_code, empty.content) == (204, b"")


@proves(f"{TILES}core/tc-error")
def no_tiles(api: Api) -> None:
    for path in ("nothing/0/0/0", "WebMercatorQuad/0/0/1", "WebMercatorQuad/0/1/0", "WebMercatorQuad/30/0/0"):
        assert api.ask(f"/collections/assets/tiles/{path}").status_code == 404, path


@proves("tms/req/tilematrixset/tilematrixset", "tms/req/json-tilematrixset/encoding")
def grids(api: Api) -> None:
    for one in api.get("/tileMatrixSets")["tileMatrixSets"]:
        told = api.get(api.link(one, "self"))
        assert (told["id"], told["crs"]) == (one["id"], one["crs"])
        square = 20037508.342789244 * 2 if one["id"] == "WebMercatorQuad" else 360
        for matrix in told["tileMatrices"]:
            assert matrix["matrixWidth"] * matrix["tileWidth"] * matrix["cellSize"] == pytest.approx(square)
            assert matrix["cornerOfOrigin"] == "topLeft"
    assert api.get("/tileMatrixSets/CGCS2000Quad")["tileMatrices"][0]["pointOfOrigin"] == [90, -180]


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("requirement", PROOFS)
def test_requirement(api: Api, requirement: str) -> None:
    PROOFS[requirement](api)


def test_what_is_declared_is_what_is_tested() -> None:
    """Each class that `/ogc/conformance` names, and no other."""
    named = {re.sub(r".*/spec/(?:ogcapi-)?([\w-]+)/[\d.]+/conf/", r"\1/", one) for one in CONFORMS}
    assert named == {requirement.replace("/req/", "/").rsplit("/", 1)[0] for requirement in PROOFS}
