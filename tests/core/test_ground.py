"""Clock, registry, MQTT addresses, roles, who is inside an area."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from core.clock import cap_time, rfc3339
from core.errors import Forbidden, NotFound, SetupError
from core.exposure import around, city_zone, inside, is_day
from core.mqtt import make_client, parse_mqtt_url
from core.registry import Registry
from core.types import LonLat
from core.viewer import Permission, Role
from core.vocabulary import table
from tests.people import person
from tests.support import now

NOON_UTC = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "zone", "said"),
    [
        (NOON_UTC, "UTC", "2026-05-04T12:00:00+00:00"),
        (NOON_UTC, "Asia/Shanghai", "2026-05-04T20:00:00+08:00"),
        (NOON_UTC.replace(microsecond=1500), "UTC", "2026-05-04T12:00:00.001+00:00"),
    ],
)
def test_times_are_said_with_an_offset(moment: datetime, zone: str, said: str) -> None:
    assert rfc3339(moment, zone) == said


def test_cap_times_have_no_fractions() -> None:
    assert cap_time(NOON_UTC.replace(microsecond=9), "Asia/Shanghai") == "2026-05-04T20:00:00+08:00"


@pytest.mark.parametrize(("hour", "day"), [(0, True), (1, True), (9, True), (10, False), (16, False), (23, False)])
def test_day_is_the_citys_not_greenwichs(hour: int, day: bool) -> None:
    assert is_day(NOON_UTC.replace(hour=hour), "Asia/Shanghai") is day


def test_registry_keeps_others_from_replacing_ours() -> None:
    with pytest.raises(SetupError, match="two parts"):
        Registry("onemap.none", ["a", "a"], key=str)
    parts = Registry("onemap.none", ["a", "b"], key=str)
    with pytest.raises(NotFound, match="a, b"):
        parts["c"]


@pytest.mark.parametrize(
    ("url", "port", "tls", "user"),
    [
        ("mqtt://h", 1883, False, None), ("mqtts://h", 8883, True, None),
        ("mqtt://u%40x:p%2Fw@h:99", 99, False, "u@x"),
    ],
)  # fmt: skip
def test_mqtt_addresses_are_read(url: str, port: int, tls: bool, user: str | None) -> None:
    address = parse_mqtt_url(url)
    assert (address.port, address.tls, address.username) == (port, tls, user)


def test_authority_that_cannot_be_read_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "no.crt").write_text("no certificate")
    for ca in (tmp_path / "no.crt", tmp_path / "none.crt"):
        with pytest.raises(SetupError) as caught:
            make_client("mqtts://h", "", ca)
        assert caught.value.field == "ONEMAP_MQTT_CA"


@pytest.mark.parametrize("url", ["", "http://h", "mqtt://", "localhost:1883"])
def test_other_addresses_are_a_sentence(url: str) -> None:
    with pytest.raises(SetupError, match="mqtt://user:password@host:1883"):
        parse_mqtt_url(url)


CASES_OF_ROLES = [
    (Role.VIEWER, Permission.CITY_READ, True),
    (Role.VIEWER, Permission.INCIDENT_EDIT, False),
    (Role.DISPATCHER, Permission.ALARM_SHELVE, False),
    (Role.COMMANDER, Permission.INCIDENT_EDIT, True),
    (Role.ADMIN, Permission.ALARM_SHELVE, True),
    (Role.COMMANDER, Permission.PERSON_MANAGE, False),
    (Role.UNIT, Permission.CITY_READ, False),
    (Role.AUDITOR, Permission.AUDIT_READ, True),
]


@pytest.mark.parametrize(("role", "needed", "may"), CASES_OF_ROLES)
def test_role_is_its_permissions(role: Role, needed: Permission, may: bool) -> None:
    viewer = person(role)
    assert viewer.may(needed) is may
    if may:
        viewer.require(needed)
        return
    with pytest.raises(Forbidden, match=needed):
        viewer.require(needed)


def test_every_permission_is_one_of_the_administrators_and_every_role_is_known() -> None:
    assert person(Role.ADMIN).permissions == frozenset(Permission)
    assert set(table("roles")) == set(Role)


def count_people(conn: Connection, where: LonLat, radius_m: float, column: str) -> tuple[int, int]:
    row = conn.execute(
        text(
            f"SELECT count(*), sum({column}) FROM building WHERE ST_DWithin(center::geography, "
            "ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)::geography, :radius)"
        ),
        {"lon": where.lon, "lat": where.lat, "radius": radius_m},
    ).one()
    return int(row[0]), int(row[1] or 0)


@pytest.mark.parametrize(("hour", "column"), [(3, "people_day"), (18, "people_night")])
def test_people_around_are_those_of_the_hour(hour: int, column: str, conn: Connection) -> None:
    center = conn.execute(text("SELECT ST_X(center) AS lon, ST_Y(center) AS lat FROM city")).one()
    where = LonLat(center.lon, center.lat)
    found = around(conn, where, 800, NOON_UTC.replace(hour=hour), city_zone(conn))
    # a circle drawn with 32 chords lies between the circles of 0.99 and 1.00 of its radius
    (least, fewest), (most, all_of_them) = (count_people(conn, where, 800 * share, column) for share in (0.99, 1.001))
    assert least > 100
    assert least <= found.buildings <= most
    assert found.people is not None
    assert fewest <= found.people <= all_of_them
    distances = [p.distance_m for p in found.facilities]
    assert distances == sorted(distances)  # type: ignore[type-var]
    assert all(d is not None and d <= 800 for d in distances)


def test_people_inside_a_district_are_those_of_its_buildings(conn: Connection) -> None:
    code, shape = conn.execute(text("SELECT code, ST_AsGeoJSON(geom) FROM district ORDER BY code LIMIT 1")).one()
    found = inside(conn, shape, NOON_UTC.replace(hour=3), "Asia/Shanghai")
    people = conn.scalar(
        text(
            """
SELECT sum(people_day) FROM building b JOIN district d ON ST_Intersects(d.geom, b.center)
WHERE d.code = :code
"""
        ),
        {"code": code},
    )
    assert found.people == people
    assert json.loads(shape)["type"] in ("Polygon", "MultiPolygon")


def test_nobody_counted_is_unknown_and_not_nobody(conn: Connection) -> None:
    conn.execute(text("UPDATE building SET people_day = NULL, people_night = NULL"))
    conn.execute(text("DELETE FROM facility"))
    center = conn.execute(text("SELECT ST_X(center) AS lon, ST_Y(center) AS lat FROM city")).one()
    found = around(conn, LonLat(center.lon, center.lat), 800, now(), "UTC")
    assert found.people is None
    assert found.facilities_known is False


@pytest.mark.parametrize(("us", "shown"), [(0, "05+00:00"), (999, "05+00:00"), (1000, "05.001+00:00")])
def test_moment_has_milliseconds_only_where_there_are_some(us: int, shown: str) -> None:
    """Read back and said again it is the same words."""
    words = rfc3339(datetime(2026, 11, 25, 3, 4, 5, us, tzinfo=UTC))
    assert words.endswith(shown)
    assert rfc3339(datetime.fromisoformat(words)) == words
