"""Tiles that were made: bounded by bytes, made once at a time, forgotten when layers change."""

from __future__ import annotations

import threading

import pytest

from app.tiles import EACH, TileCache, Touched
from layers.grids import CGCS2000, MERCATOR
from tests.support import wait_for


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
