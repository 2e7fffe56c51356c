"""Devices send what real ones would, on the contract's topics; units do what tasks tell them. No broker needed."""

import io
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image

from app.services.mosquitto import Broker
from demo.devices.edge import Address, AddressError, Edge, address
from demo.devices.eyes import Eyes
from demo.devices.message import Message
from demo.devices.package import Package, PackageError, Thing, read
from demo.devices.roads import Roads
from demo.devices.script import StormScript, storm_script
from demo.devices.sensors import silent
from demo.devices.signals import SIGNALS
from demo.devices.storm import ON_MAINS, gas_lel, smoke_percent
from demo.devices.world import World
from tests.support import mailbox, wait_for

SEED, START = 1, datetime(2026, 7, 4, 1, 0, tzinfo=UTC)
ID = r"[A-Za-z0-9_.:-]{1,64}"
TOPICS = {
    rf"onemap/observation/{ID}": {"time"},
    rf"onemap/video/{ID}/event": {"id", "time", "kind", "score", "zone", "lon", "lat"},
    r"onemap/incident": {
        "id", "time", "kind", "level", "title", "text", "lon", "lat", "address", "channel", "reporter"
    },
    rf"onemap/position/{ID}": {"time", "lon", "lat", "speed", "heading", "accuracy", "battery"},
    rf"onemap/unit/{ID}/status": {"time", "status"},
    rf"onemap/task/{ID}/{ID}/reply": {"time", "state"},
}  # fmt: skip
SNAPSHOT = re.compile(rf"onemap/video/({ID})/snapshot")
Received = list[tuple[datetime, Message]]


def is_picture(sent: Message) -> bool:
    return SNAPSHOT.fullmatch(sent.topic) is not None


def play(world: World, seconds: float, step_s: float = 1.0, since_s: float = 0.0) -> Received:
    """Everything the world sends from `since_s` to `seconds` after its start."""
    received: Received = []
    now = START + timedelta(seconds=since_s)
    while now < START + timedelta(seconds=seconds):
        now += timedelta(seconds=step_s)
        received.extend((now, sent) for sent in world.step(now))
    return received


@pytest.fixture
def world(package: Package, script: StormScript) -> World:
    return World(package, script, SEED, START, storm_after_s=60)


def bodies(received: Received, prefix: str) -> list[dict[str, Any]]:
    return [orjson.loads(m.payload) for _, m in received if m.topic.startswith(prefix) and not is_picture(m)]


def series(received: Received, sensor: str) -> list[tuple[float, float]]:
    found = [orjson.loads(m.payload) for _, m in received if m.topic == f"onemap/observation/{sensor}"]
    return [((datetime.fromisoformat(b["time"]) - START).total_seconds(), b["value"]) for b in found]


@pytest.fixture(scope="module")
def storm(package: Package, script: StormScript) -> Received:
    """A whole storm, from a minute of calm to the next calm."""
    return play(World(package, script, SEED, START, storm_after_s=60), 60 + 2700 + 300, 2.0)


@pytest.fixture(scope="module")
def calm(package: Package, script: StormScript) -> Received:
    return play(World(package, script, SEED, START, storm_after_s=1e9), 1_800, 2.0)


def test_every_message_is_one_of_the_contract(storm: Received) -> None:
    seen = set()
    for at, sent in storm:
        if is_picture(sent):
            continue
        pattern = next(p for p in TOPICS if re.fullmatch(p, sent.topic))
        body = orjson.loads(sent.payload)
        assert TOPICS[pattern] <= set(body)
        assert abs((datetime.fromisoformat(body["time"]) - at).total_seconds()) < 120
        assert datetime.fromisoformat(body["time"]).utcoffset() is not None
        seen.add(pattern.split("/")[1])
    assert {"observation", "video", "incident", "position"} <= seen


def test_observations_have_either_a_metric_or_values_with_known_units(storm: Received) -> None:
    for body in bodies(storm, "onemap/observation/"):
        if "values" in body:
            assert set(body["values"]) <= set(SIGNALS)
        else:
            assert body["unit"] == SIGNALS[body["metric"]].unit


def test_spares_are_never_fed(package: Package, storm: Received) -> None:
    spares = {s.id for s in package.sensors if s.spare}
    assert len(spares) == 10
    assert not spares & {m.topic.split("/")[2] for _, m in storm if m.topic != "onemap/incident"}


def test_values_stay_below_every_threshold_on_a_calm_day(package: Package, calm: Received) -> None:
    for site in package.sensors:
        levels = site.properties["thresholds"].get("water_level")
        if levels and not site.spare:
            assert all(value < levels["4"] for _, value in series(calm, site.id))
    assert all(b["value"] < 5 for b in bodies(calm, "onemap/observation/gas-"))
    assert all(b["value"] == 0 for b in bodies(calm, "onemap/observation/rain-"))
    assert all(b["values"]["pm25"] < 115 for b in bodies(calm, "onemap/observation/aq-"))


def test_storm_takes_one_underpass_through_all_four_levels_in_minutes(
    package: Package, script: StormScript, storm: Received
) -> None:
    flooded = World(package, script, SEED, START, storm_after_s=60).scene(0).underpass
    site = next(s for s in package.sensors if not s.spare and s.properties["attributes"].get("underpass") == flooded)
    readings = series(storm, site.id)
    levels = site.properties["thresholds"]["water_level"]
    reached = [next(at for at, value in readings if value >= levels[level]) for level in "4321"]
    assert reached == sorted(set(reached))
    assert reached[-1] - 60 < 6 * 60
    assert readings[-1][1] < levels["4"]


def test_gas_at_the_broken_main_passes_fifty_and_thins_with_distance(package: Package, script: StormScript) -> None:
    world = World(package, script, SEED, START, storm_after_s=0)
    _, weather = world.weather(START + timedelta(seconds=600))
    assert weather is not None
    place = weather.scene.places["break"]
    by_distance = sorted(
        (float(np.hypot(s.x - place.x, s.y - place.y)), gas_lel(weather, s)) for s in package.sensors if s.kind == "gas"
    )
    assert by_distance[0][1] > 50
    assert [v for _, v in by_distance] == sorted((v for _, v in by_distance), reverse=True)


def test_gas_sensor_sends_more_than_fifty_percent(storm: Received) -> None:
    assert max(b["value"] for b in bodies(storm, "onemap/observation/gas-")) > 50


def test_fire_is_measured_by_an_air_station(storm: Received, calm: Received) -> None:
    def highest(received: Received) -> float:
        return max(float(b["values"]["pm25"]) for b in bodies(received, "onemap/observation/aq-"))

    assert highest(storm) > 2 * highest(calm)


def test_smoke_drifts_into_detectors_near_the_fire_only(world: World) -> None:
    _, weather = world.weather(START + timedelta(seconds=60 + 720))
    assert weather is not None
    place = weather.scene.places["blaze"]
    near, far = (Thing("smoke-x", place.x + away, place.y, {}) for away in (150.0, 1_500.0))
    assert smoke_percent(weather, near) > 4
    assert smoke_percent(weather, far) == 0


def test_rain_under_the_cell_adds_up_to_a_rainstorm(world: World, script: StormScript) -> None:
    fallen = 0.0
    for second in range(int(script.length_s)):
        _, weather = world.weather(START + timedelta(seconds=60 + second))
        assert weather is not None
        target = weather.scene.places["target"]
        fallen += weather.rain_mm_h(target.x, target.y) / 3_600
    assert 50 < fallen < 110


def test_gauges_send_all_the_rain_that_fell_on_them(
    package: Package, world: World, script: StormScript, storm: Received
) -> None:
    gauges = {s.id: s for s in package.sensors if s.kind == "rain" and not s.spare}
    for name, gauge in gauges.items():
        fallen = 0.0
        for second in range(0, int(script.length_s), 5):
            _, weather = world.weather(START + timedelta(seconds=60 + second))
            assert weather is not None
            fallen += weather.rain_mm_h(gauge.x, gauge.y) * 5 / 3_600
        sent = {b["time"]: b["value"] for b in bodies(storm, f"onemap/observation/{name}")}
        assert sum(sent.values()) == pytest.approx(fallen, rel=0.1)


def test_hotline_calls_name_streets_of_the_map_and_lie_on_it(package: Package, storm: Received) -> None:
    streets = {s.name_zh for s in package.streets}
    calls = bodies(storm, "onemap/incident")
    assert {"flooding", "gas_leak", "fire", "water_rescue", "waterlogging"} <= {c["kind"] for c in calls}
    assert {c["channel"] for c in calls} == {"12345", "110", "119", "120"}
    for call in calls:
        street = re.sub(r"\d+号$|下穿通道$", "", call["address"])
        assert street in streets
        assert 118.96 < call["lon"] < 119.10
        assert 31.31 < call["lat"] < 31.41
        assert "{" not in call["title"] + call["text"]


def test_ids_of_calls_and_events_never_repeat(storm: Received) -> None:
    ids = [b["id"] for b in bodies(storm, "onemap/incident") + bodies(storm, "onemap/video/")]
    assert len(ids) == len(set(ids)) > 20
    assert all(re.fullmatch(ID, identifier) for identifier in ids)


def pictures(received: Received) -> list[tuple[datetime, str, Message]]:
    found = ((at, SNAPSHOT.fullmatch(sent.topic), sent) for at, sent in received)
    return [(at, match.group(1), sent) for at, match, sent in found if match]


def test_pictures_are_small_jpegs_and_no_camera_sends_two_within_a_minute(storm: Received) -> None:
    before: dict[str, datetime] = {}
    assert len(pictures(storm)) > 20
    for at, camera, sent in pictures(storm):
        with Image.open(io.BytesIO(sent.payload), formats=["JPEG"]) as image:
            assert image.size == (640, 360)
        assert len(sent.payload) < 30_000
        assert camera not in before or (at - before[camera]).total_seconds() >= 60
        before[camera] = at


def test_events_of_the_storm_have_a_picture_of_their_own(storm: Received) -> None:
    fire = next(b for b in bodies(storm, "onemap/video/") if b["kind"] == "fire")
    tied = [sent.event for _, _, sent in pictures(storm) if sent.event]
    assert fire["id"] in tied
    assert len(tied) == len(set(tied))
    assert set(tied) <= {b["id"] for b in bodies(storm, "onemap/video/")}


def test_every_camera_sends_a_picture_within_the_hour_on_a_calm_day(package: Package) -> None:
    eyes = Eyes(package.cameras, SEED, START)
    heard = {
        sent.topic.split("/")[2] for m in range(60) for sent in eyes.step(START + timedelta(minutes=m), raining=False)
    }
    assert heard == {camera.id for camera in package.cameras}


def test_some_readings_are_late_and_some_are_sent_twice(storm: Received) -> None:
    late, seen, twice = 0, set(), 0
    for at, sent in storm:
        if sent.topic.startswith("onemap/observation/"):
            late += (at - datetime.fromisoformat(orjson.loads(sent.payload)["time"])).total_seconds() > 15
            twice += (sent.topic, sent.payload) in seen
            seen.add((sent.topic, sent.payload))
    assert 0 < late < 0.02 * len(seen)
    assert 0 < twice < 0.02 * len(seen)


def test_typhoon_darkens_what_hangs_on_mains_and_leaves_gauges_speaking(package: Package) -> None:
    world = World(package, storm_script("typhoon"), SEED, START, storm_after_s=0)
    heard: dict[str, set[str]] = {"before": set(), "after": set()}
    for part, since, until in (("before", 0, 290), ("after", 500, 800)):
        for _, sent in play(world, until, 5.0, since):
            if sent.topic.startswith("onemap/observation/"):
                heard[part].add(sent.topic.rsplit("/", 1)[-1])
    kinds = {one.id: one.kind for one in package.sensors}
    gone = [kinds[name] for name in heard["before"] - heard["after"]]
    assert len([kind for kind in gone if kind in ON_MAINS]) > 0.3 * sum(kinds[n] in ON_MAINS for n in heard["before"])
    assert [kind for kind in gone if kind in ("rain", "wind", "water_level", "manhole")] == []


def test_typhoon_is_of_the_whole_city_and_gusts_and_covers_come_and_go(package: Package) -> None:
    world = World(package, storm_script("typhoon"), SEED, START, storm_after_s=0)
    received = play(world, 1_000, 5.0)
    rain = {one.id: sum(v for _, v in series(received, one.id)) for one in package.sensors if one.kind == "rain"}
    assert min(total for name, total in rain.items() if total > 0) > 40.0
    [wind, *_] = [one.id for one in package.sensors if one.kind == "wind" and not one.spare]
    values = [value for second, value in series(received, wind) if second > 600]
    assert max(values) > 17.2
    assert min(values) < 0.8 * max(values), "gusts"


def test_some_devices_are_silent_for_minutes_and_come_back() -> None:
    moments = [START + timedelta(seconds=10 * i) for i in range(720)]
    quiet = {n: sum(silent(f"gas-{n:03d}", SEED, at) for at in moments) * 10 for n in range(300)}
    assert 3 <= sum(seconds > 0 for seconds in quiet.values()) <= 60
    assert all(seconds < 1_000 for seconds in quiet.values())


def test_same_seed_and_times_send_the_same_messages(package: Package, script: StormScript) -> None:
    first, second = (play(World(package, script, SEED, START, storm_after_s=20), 120) for _ in range(2))
    assert first == second
    assert first != play(World(package, script, SEED + 1, START, storm_after_s=20), 120)


def test_storm_comes_again_elsewhere(package: Package, script: StormScript, world: World) -> None:
    period = script.length_s + script.calm_s
    assert world.weather(START + timedelta(seconds=30))[1] is None
    turn, weather = world.weather(START + timedelta(seconds=60 + period + 100))
    assert turn == 1
    assert weather is not None
    assert weather.at_s == pytest.approx(100)
    assert world.scene(0).underpass != world.scene(1).underpass


# Units ---------------------------------------------------------------------------------------------------------------


def replies(messages: Iterable[Message], unit: str, task: str) -> list[str]:
    topic = f"onemap/task/{unit}/{task}/reply"
    return [orjson.loads(m.payload)["state"] for m in messages if m.topic == topic]


def given(world: World, unit: str, body: dict[str, Any], at_s: float = 10.0) -> list[Message]:
    return list(world.task(unit, body, START + timedelta(seconds=at_s)))


TASK = {"id": "0190c", "unit": "fire-01", "state": "assigned", "incident": {"lon": 119.03, "lat": 31.362}}


def test_unit_answers_drives_arrives_works_and_goes_home(package: Package, world: World) -> None:
    assert given(world, "fire-01", TASK) == []
    received = play(world, 2_400, 1.0, since_s=10)
    sent = [m for _, m in received]
    assert replies(sent, "fire-01", "0190c") == ["accepted", "en_route", "on_scene", "clear"]
    arrived = next(i for i, m in enumerate(sent) if m.topic.endswith("reply") and b"on_scene" in m.payload)
    here = next(orjson.loads(m.payload) for m in sent[arrived:] if m.topic == "onemap/position/fire-01")
    assert here["lon"] == pytest.approx(119.03, abs=3e-4)
    assert here["lat"] == pytest.approx(31.362, abs=3e-4)
    home = package.plane.lonlat(np.asarray([[u.x, u.y] for u in package.units if u.id == "fire-01"]))[0]
    last = bodies(received, "onemap/position/fire-01")[-1]
    assert [last["lon"], last["lat"]] == pytest.approx(list(home), abs=3e-4)


def test_unit_drives_along_streets_at_lawful_speed(package: Package, world: World) -> None:
    given(world, "fire-01", TASK)
    on_streets = np.concatenate([s.line for s in package.streets])
    moving = [b for b in bodies(play(world, 300, 1.0, since_s=10), "onemap/position/fire-01") if b["speed"] > 0]
    assert len(moving) > 20
    for body in moving[8:-8]:
        place = package.plane.metres(np.asarray([body["lon"], body["lat"]]))
        assert np.hypot(*(on_streets - place).T).min() < 60
        assert body["speed"] < 130 / 3.6


def test_cancelled_task_sends_the_unit_home_without_further_replies(world: World) -> None:
    given(world, "fire-01", TASK)
    before = [m for _, m in play(world, 60, 1.0, since_s=10)]
    assert replies(before, "fire-01", "0190c") == ["accepted", "en_route"]
    given(world, "fire-01", {**TASK, "state": "cancelled"}, 60)
    after = [m for _, m in play(world, 1_500, 1.0, since_s=60)]
    assert replies(after, "fire-01", "0190c") == []


def test_busy_unit_declines_another_task(world: World) -> None:
    given(world, "fire-01", TASK)
    assert replies(given(world, "fire-01", {**TASK, "id": "0190d"}, 20), "fire-01", "0190d") == ["declined"]


def test_task_told_again_is_taken_once(world: World) -> None:
    given(world, "fire-01", TASK)
    given(world, "fire-01", TASK, 11)
    sent = [m for _, m in play(world, 60, 1.0, since_s=11)]
    assert replies(sent, "fire-01", "0190c") == ["accepted", "en_route"]


@pytest.mark.parametrize("incident", [None, {}, {"lon": "119", "lat": 31.3}, {"lon": 119.0}])
def test_task_without_a_place_is_declined(world: World, incident: Any) -> None:
    sent = given(world, "fire-01", {**TASK, "incident": incident})
    assert replies(sent, "fire-01", "0190c") == ["declined"]


@pytest.mark.parametrize(("unit", "body"), [("nobody", TASK), ("fire-01", {}), ("fire-01", {"id": 5})])
def test_task_for_nobody_or_without_id_is_ignored(world: World, unit: str, body: dict[str, Any]) -> None:
    assert given(world, unit, body) == []


def test_speed_quickens_the_drive(package: Package, script: StormScript) -> None:
    quick = World(package, script, SEED, START, storm_after_s=1e9, speed=20)
    given(quick, "fire-01", TASK)
    sent = [m for _, m in play(quick, 150, 0.5, since_s=10)]
    assert replies(sent, "fire-01", "0190c") == ["accepted", "en_route", "on_scene", "clear"]


def test_route_takes_no_oneway_street_backwards(package: Package) -> None:
    roads = Roads(package.streets)
    oneways = [s for s in package.streets if s.oneway]
    assert oneways
    for street in oneways[:10]:
        start, stop = (
            (float(street.line[-1, 0]), float(street.line[-1, 1])),
            (float(street.line[0, 0]), float(street.line[0, 1])),
        )
        route = roads.route(start, stop)
        forwards = roads.route(stop, start)
        assert route.duration_s > 0
        length = float(np.hypot(*np.diff(street.line, axis=0).T).sum())
        driven = float(np.hypot(*np.diff(route.points, axis=0).T).sum())
        assert driven > length + 10
        assert forwards.duration_s < route.duration_s


# The edge
# --------------------------------------------------------------------------------------------------------------


def test_address_is_read_from_the_url() -> None:
    assert address("mqtt://dev:p%40ss@127.0.0.1:1884") == Address("127.0.0.1", 1884, "dev", "p@ss", False)
    assert address("mqtts://broker.example") == Address("broker.example", 8883, None, None, True)
    assert address("mqtts://broker.example", "/etc/city.crt").ca == "/etc/city.crt"


@pytest.mark.parametrize("url", ["127.0.0.1:1883", "http://a:1", "mqtt://", "mqtt://host:99999"])
def test_unusable_address_says_what_was_expected(url: str) -> None:
    with pytest.raises(AddressError, match="expected"):
        address(url)


def test_missing_package_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"city\.json"):
        read(tmp_path)


def test_broken_package_says_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "city.json").write_text("{}", "utf-8")
    with pytest.raises(PackageError, match="expected a city package"):
        read(tmp_path)


def test_times_of_readings_are_in_utc(calm: Received) -> None:
    assert all(
        datetime.fromisoformat(b["time"]).utcoffset() == UTC.utcoffset(None) for b in bodies(calm, "onemap/position/")
    )


def test_picture_reaches_the_broker_with_the_event_it_belongs_to(broker: Broker) -> None:
    heard: dict[bytes, Any] = {}
    topic = "onemap/video/cam-001/snapshot"
    with mailbox(broker.url(), topic) as box:
        box.client.on_message = lambda _, __, told: heard.update({bytes(told.payload): told.properties})
        edge = Edge(address(broker.url("gateway")), SEED)
        edge.start()
        edge.publish([Message(topic, b"tied", "cam-001-7"), Message(topic, b"plain")])
        wait_for(lambda: {b"tied", b"plain"} <= set(heard), what="both pictures have come")
        edge.stop()
    assert heard[b"tied"].UserProperty == [("event", "cam-001-7")]
    assert not hasattr(heard[b"plain"], "UserProperty")
