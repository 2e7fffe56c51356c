"""Tiles that were made: bounded by bytes, made once at a time, forgotten when layers change."""

from __future__ import annotations

import threading
from collections import Counter

import httpx
import pytest
from sqlalchemy import Engine, text

from app.accounts import add_account
from app.tiles import EACH, TileCache, Touched
from app.warming import TO_ZOOM, Warmer, squares, wanted
from core.scope import EVERYTHING
from layers.grids import CGCS2000, MERCATOR
from layers.served import COMPOSITE, read_tile, sight_of_tiles
from tests.support import PASSWORD, System, now, wait_for


def test_tile_is_made_once_and_kept() -> None:
    made: list[int] = []
    cache = TileCache()

    def make() -> bytes:
        made.append(1)
        return b"tile"

    assert [cache.get("a", make) for _ in range(3)] == [b"tile"] * 3
    assert len(made) == 1


def test_least_recently_used_goes_when_the_bound_is_reached() -> None:
    cache = TileCache(3 * (100 + EACH))
    for name in "abc":
        cache.get(name, lambda: b"x" * 100)
    cache.get("a", lambda: b"")
    cache.get("d", lambda: b"x" * 100)
    assert cache.size == 3 * (100 + EACH)
    found = {name: cache.get(name, lambda: b"new") for name in "acdb"}
    assert {name: body[:3] for name, body in found.items()} == {"a": b"xxx", "c": b"xxx", "d": b"xxx", "b": b"new"}


def test_tile_larger_than_the_bound_is_answered_and_not_kept() -> None:
    cache = TileCache(10)
    assert cache.get("a", lambda: b"x" * 100) == b"x" * 100
    assert cache.size == 0


def test_many_who_ask_at_once_get_one_making() -> None:
    cache, made, let_go = TileCache(), [], threading.Event()

    def make() -> bytes:
        made.append(1)
        assert let_go.wait(30)
        return b"tile"

    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(cache.get("a", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_for(lambda: made)
    let_go.set()
    for thread in threads:
        thread.join(30)
    assert (found, len(made)) == ([b"tile"] * 8, 1)


def test_making_that_fails_is_tried_by_the_next_who_asks() -> None:
    cache = TileCache()

    def fail() -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.get("a", fail)
    assert cache.get("a", lambda: b"well") == b"well"


def test_a_change_within_a_box_takes_the_tiles_that_show_it_and_no_others() -> None:
    tiles = TileCache()
    # 118.99, 31.35 is in 13607/6688 of zoom 14
    column, row = MERCATOR.place(118.99, 31.35, 14)
    assert (int(column), int(row)) == (13607, 6688)
    here, far = (14, 13607, 6688), (14, 13609, 6688)
    web, own = MERCATOR.id, CGCS2000.id
    keys = [
        ("assets", web, *here),
        ("assets", web, *far),
        ("assets", web, 9, 425, 209),
        ("base", web, *here),
        # of the square of degrees: 118.99 is in column 13607, 31.35 in row 2669
        ("assets", own, 14, 13607, 2669),
        ("assets", own, 14, 13607, 2667),
    ]
    for key in keys:
        tiles.get((*key, None), lambda: b"old")
    tiles.drop("assets", (118.99, 31.35, 118.99, 31.35))
    made = []
    for key in keys:
        tiles.get((*key, None), lambda key=key: made.append(key) or b"new")
    assert made == [keys[0], keys[2], keys[4]]
    assert tiles.size == 6 * (3 + EACH)


def test_a_tile_shows_a_little_of_its_neighbours() -> None:
    east = (13608 / 2**14) * 360 - 180
    key = ("assets", MERCATOR.id, 14, 13608, 6688)
    assert key in Touched("assets", (east - 1e-5, 31.35, east - 1e-5, 31.35))
    assert key not in Touched("assets", (east - 0.01, 31.35, east - 0.01, 31.35))
    assert key not in Touched("base", (east, 31.35, east, 31.35))


def test_tile_that_was_begun_before_a_change_is_not_kept() -> None:
    cache = TileCache()

    def change_meanwhile() -> bytes:
        cache.clear()
        return b"old"

    assert cache.get("a", change_meanwhile) == b"old"
    assert cache.get("a", lambda: b"new") == b"new"


def test_forms_of_a_tile_count_as_long_as_it_is_kept() -> None:
    cache = TileCache()
    cache.get("a", lambda: b"x" * 100)
    kept = cache.peek("a")
    assert kept is not None
    cache.add_form("a", kept, "br", (b"y" * 40, []))
    assert cache.size == 140 + EACH
    cache.clear()
    cache.add_form("a", kept, "gzip", (b"z" * 40, []))
    assert (cache.size, cache.peek("a")) == (0, None)


def test_squares_of_a_box_are_those_it_touches() -> None:
    assert list(squares((-180, -85, 180, 85), 1)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    x, y = (int(one) for one in MERCATOR.place(118.9, 31.3, 14))
    assert list(squares((118.9, 31.3, 118.9001, 31.3001), 14)) == [(x, y)]


def test_the_city_is_made_before_anybody_asks_and_only_what_was_forgotten_again(db: Engine) -> None:
    cache, made = TileCache(), Counter[str]()
    warmer = Warmer(db, cache, made, turn_s=0)
    rounds = 1
    while warmer.work(now()):
        rounds += 1
    with db.connect() as conn:
        places = list(wanted(conn))
        west, south, east, north = conn.execute(
            text("SELECT ST_XMin(extent), ST_YMin(extent), ST_XMax(extent), ST_YMax(extent) FROM city")
        ).one()
    assert made["tiles_warmed"] == len(places) == rounds > 20, "it comes round between tiles"
    assert max(zoom for _, zoom, _, _ in places) == TO_ZOOM
    key = (COMPOSITE, MERCATOR.id, *places[0][1:], sight_of_tiles(COMPOSITE, EVERYTHING))
    assert cache.peek(key) is not None
    assert warmer.work(now()) is False
    assert made["tiles_warmed"] == len(places)
    x, y = (west + east) / 2, (south + north) / 2
    cache.drop("assets", (x, y, x, y))
    while warmer.work(now()):
        pass
    again = made["tiles_warmed"] - len(places)
    assert 0 < again < len(places) / 4, "neighbours and other layers stayed"


def tile_of(client: httpx.Client, path: str, **headers: str) -> httpx.Response:
    return client.get(path, headers=headers)


@pytest.mark.parametrize("coding", ["br", "gzip", "identity"])
def test_a_kept_tile_is_the_tile_that_was_made(served: System, officer: httpx.Client, db: Engine, coding: str) -> None:
    with db.connect() as conn:
        _, z, x, y = next(place for place in wanted(conn) if place[0] == COMPOSITE and place[1] == TO_ZOOM)
        made = read_tile(conn, COMPOSITE, z, x, y)
    path = f"/tiles/base/{z}/{x}/{y}.mvt"
    # a parameter goes the usual way, which makes it; it is refused there
    assert officer.get(path, params={"v": 1}).status_code == 422
    first, second = (tile_of(officer, path, **{"Accept-Encoding": coding}) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.content == second.content == made
    told = ("content-type", "content-encoding", "cache-control", "etag", "vary")
    assert [first.headers.get(name) for name in told] == [second.headers.get(name) for name in told]
    same = tile_of(officer, path, **{"If-None-Match": second.headers["etag"], "Accept-Encoding": coding})
    assert (same.status_code, same.content) == (304, b"")


def test_a_kept_tile_is_for_who_may_see_it(served: System, officer: httpx.Client, db: Engine) -> None:
    with db.connect() as conn:
        _, z, x, y = next(place for place in wanted(conn) if place[0] == "assets")
    path = f"/tiles/assets/{z}/{x}/{y}.mvt"
    assert officer.get(path).status_code in (200, 204)
    assert httpx.get(f"{served.http}{path}", trust_env=False).status_code == 401
    role = {"id": "tileless", "name_zh": "无", "name_en": "Tileless", "permissions": ["unit.report"]}
    assert officer.post("/api/roles", json=role).status_code == 201
    with db.begin() as conn:
        add_account(conn, "tileless", "Tileless", "tileless", PASSWORD, now())
    with served.api("tileless") as client:
        assert client.get(path).status_code == 403
        assert client.get(f"/tiles/base/{z}/{x}/{y}.mvt").status_code in (200, 204), "the ground is everybody's"
