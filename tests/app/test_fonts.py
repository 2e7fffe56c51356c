"""The page's font, cut to the characters that a city writes with."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from fontTools.ttLib import TTFont
from sqlalchemy import Connection, text

from app import fonts

FEW = fonts.characters(["雨情 水位", "水位超过警戒"])


def test_characters_are_told_once_and_letters_are_not_among_them() -> None:
    assert fonts.characters(["ab水", "水 位1"]) == sorted(map(ord, "水位"))


@pytest.mark.parametrize(
    ("codes", "told"),
    [([], ""), ([0x4E00], "U+4e00"), ([0x4E00, 0x4E01, 0x4E02, 0x6C34], "U+4e00-4e02,U+6c34")],
)
def test_neighbours_are_one_range(codes: list[int], told: str) -> None:
    assert fonts.ranges(codes) == told


def test_what_the_page_says_and_the_city_is_called_is_in_it(conn: Connection) -> None:
    written = set(fonts.written(conn))
    assert set(map(ord, "告警派员街道")) <= written
    assert 500 < len(written) < 5000


def test_what_is_not_for_all_gives_no_character_away(conn: Connection) -> None:
    conn.execute(text("UPDATE sensor SET name_zh = '龘', classification = 2 WHERE id = (SELECT min(id) FROM sensor)"))
    assert ord("龘") not in fonts.written(conn)


def test_a_weight_is_one_small_file_with_these_characters_and_made_once(tmp_path: Path) -> None:
    sheet = fonts.cut(FEW, fonts.LIBRARY, tmp_path)
    faces = sheet.read_text()
    names = re.findall(r"/fonts/([\w-]+\.woff2)", faces)
    assert len(names) == faces.count("@font-face") == 2
    for name in names:
        path = tmp_path / name
        assert path.stat().st_size < 30_000
        with TTFont(path) as font:
            assert set(FEW) <= set(font.getBestCmap())
    made = [(tmp_path / name).stat().st_mtime_ns for name in names]
    fonts.cut(FEW, fonts.LIBRARY, tmp_path)
    assert made == [(tmp_path / name).stat().st_mtime_ns for name in names]
    fonts.cut(FEW[:3], fonts.LIBRARY, tmp_path)
    assert not any((tmp_path / name).exists() for name in names), "what is no longer used is gone"


def test_until_it_is_cut_the_sheet_is_empty(stranger: httpx.Client) -> None:
    answer = stranger.get("/fonts/page.css")
    assert (answer.status_code, answer.text) == (200, "")
    assert answer.headers["content-type"].startswith("text/css")
    assert stranger.get("/fonts/nothing-400.woff2").status_code == 404
