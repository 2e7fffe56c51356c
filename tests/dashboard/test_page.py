"""The page as a whole: words, ids, tokens and the files it names agree with each other."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from dash import Dash
from fastapi import FastAPI

from app.dashboard import texts
from app.dashboard.ids import Id
from app.dashboard.layout import page
from app.dashboard.page import build_dashboard, index_string
from app.deps import Parts
from app.front import SecurityHeaders
from app.index import ASSETS
from tests.dashboard.tree import walk, words

REPOSITORY = ASSETS.parent
DASHBOARD = REPOSITORY / "app" / "dashboard"
SCRIPTS = sorted([*ASSETS.glob("js/**/*.mjs"), *ASSETS.glob("js/*.js")])
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def dashboard() -> Dash:
    return build_dashboard(FastAPI(), cast(Parts, None))  # no callback is called that asks the database


def ask(dashboard: Dash, method: str, path: str, **more: Any) -> httpx.Response:
    """One request to the ASGI application, without a server."""

    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(app=dashboard.server)
        async with httpx.AsyncClient(transport=transport, base_url="http://onemap") as client:
            return await client.request(method, path, **more)

    return asyncio.run(request())


def test_every_text_has_both_languages_with_the_same_places() -> None:
    for key, entry in texts.catalogue().items():
        assert set(entry) == {"zh", "en"}, key
        assert all(one.strip() for one in entry.values()), key
        assert sorted(re.findall(r"\{\w+\}", entry["zh"])) == sorted(re.findall(r"\{\w+\}", entry["en"])), key


def test_every_text_the_browser_asks_for_is_in_the_catalogue() -> None:
    literal = re.compile(r"\b(?:say|both|page|notice|catalogued|tell)\('([a-z_]+\.[a-z_.]+)'")
    asked = {key for script in SCRIPTS for key in literal.findall(script.read_text(encoding="utf-8"))}
    assert len(asked) > 15
    assert asked <= set(texts.catalogue())


def test_every_text_python_asks_for_is_in_the_catalogue() -> None:
    literal = re.compile(r'"((?:app|login|bar|search|layers|lists|card|toast|banner|map|keys|unit|list)\.[a-z_.]+)"')
    asked = {key for module in DASHBOARD.rglob("*.py") for key in literal.findall(module.read_text(encoding="utf-8"))}
    assert len(asked) > 60
    assert asked - {"app.dashboard"} <= set(texts.catalogue())


def test_no_text_stands_in_code_outside_the_catalogue() -> None:
    for source in [*SCRIPTS, *DASHBOARD.rglob("*.py")]:
        assert not CHINESE.search(source.read_text(encoding="utf-8")), source


def test_ids_that_the_browser_addresses_exist() -> None:
    literal = re.compile(r"(?:byId|whenThere|setProps)\('([a-z-]+)'")
    addressed = {key for script in SCRIPTS for key in literal.findall(script.read_text(encoding="utf-8"))}
    static = set(re.findall(r'id="([a-z-]+)"', index_string()))
    rendered = {part["props"]["id"] for part in walk(page()) if isinstance(part["props"].get("id"), str)}
    assert len(addressed) > 15
    assert addressed - rendered - static == set()


def test_every_id_is_used_and_stands_once() -> None:
    ids = [part["props"]["id"] for part in walk(page()) if isinstance(part["props"].get("id"), str)]
    assert len(ids) == len(set(ids))
    made_later = {Id.ROOT, Id.CHART}
    assert {one.value for one in Id} - {one.value for one in made_later} <= set(ids)


def test_both_themes_define_the_same_colours() -> None:
    css = (ASSETS / "css" / "tokens.css").read_text(encoding="utf-8")
    dark, light = (
        set(re.findall(r"(--[a-z0-9-]+):", block))
        for block in re.findall(r'\[data-theme="\w+"\] \{(.*?)\n\}', css, re.S)
    )
    assert dark == light
    assert len(dark) > 50


def used_tokens() -> Iterator[str]:
    for style in ASSETS.glob("css/*.css"):
        yield from re.findall(r"var\(--([a-z0-9-]+)", style.read_text(encoding="utf-8"))
    for script in SCRIPTS:
        yield from re.findall(r"token\('-{0,2}([a-z0-9-]+)'\)", script.read_text(encoding="utf-8"))


def test_every_token_in_use_is_defined() -> None:
    defined = {
        name
        for style in ASSETS.glob("css/*.css")
        for name in re.findall(r"--([a-z0-9-]+):", style.read_text(encoding="utf-8"))
    }
    assert set(used_tokens()) <= defined


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [(ink, ground) for ink in ("text", "muted", "faint", "accent") for ground in ("panel-solid", "raised")]
    + [("accent-ink", "accent-strong"), *((f"level-{n}-ink", f"level-{n}") for n in range(1, 5))],
)
def test_words_stand_out_from_their_ground(theme: str, ink: str, ground: str) -> None:
    css = (ASSETS / "css" / "tokens.css").read_text(encoding="utf-8")
    (block,) = re.findall(rf'\[data-theme="{theme}"\] \{{(.*?)\n\}}', css, re.S)
    colours = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))
    assert contrast(colours[ink], colours[ground]) >= 4.5


def test_files_named_by_the_index_page_exist() -> None:
    named = re.findall(r'(?:src|href)="/assets/([^"]+)"', index_string())
    assert len(named) > 8
    assert all((ASSETS / name).is_file() for name in named)


def test_renderers_of_rows_are_there_before_the_grids_that_look_them_up() -> None:
    renderers = '<script src="/assets/js/cells.js"></script>'
    assert renderers in index_string(), "not deferred: that would be after Dash's scripts"
    assert index_string().index(renderers) < index_string().index("{%scripts%}")


def test_modules_import_only_files_that_exist() -> None:
    for script in SCRIPTS:
        for name in re.findall(r"from '(\.[^']+)'", script.read_text(encoding="utf-8")):
            assert (script.parent / name).resolve().is_file(), (script, name)


def test_modules_stay_small() -> None:
    for source in [*SCRIPTS, *DASHBOARD.rglob("*.py")]:
        assert len(source.read_text(encoding="utf-8").splitlines()) < 400, source


def test_the_index_page_is_served_without_inline_style_or_foreign_script(dashboard: Dash) -> None:
    answer = ask(dashboard, "GET", "/")
    assert answer.status_code == 200
    assert "style=" not in answer.text
    assert "<style" not in answer.text
    assert all(source.startswith("/") for source in re.findall(r'<script[^>]* src="([^"]+)"', answer.text))


async def nobody() -> list[str]:
    return []


def test_the_policy_names_every_inline_script(dashboard: Dash) -> None:
    policy = SecurityHeaders(None, (dashboard,), nobody).policy("abc")  # type: ignore[arg-type]
    scripts = re.findall(r"<script((?:(?!src=)[^>])*)>(.+?)</script>", ask(dashboard, "GET", "/").text, re.S)
    inline = [body for attributes, body in scripts if "application/json" not in attributes]
    assert inline
    for body in inline:
        assert base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() in policy
    assert "script-src 'self' 'sha256-" in policy
    assert "unsafe" not in policy


def test_the_page_has_one_heading_and_names_its_lists() -> None:
    parts = list(walk(page()))
    assert [part["type"] for part in parts].count("H1") == 1
    english = words(page(), "en")
    assert all(name in english for name in ("Incidents", "Alarms", "Units", "Layers"))


def test_browser_libraries_are_pinned_and_locked_without_addresses() -> None:
    package = json.loads((REPOSITORY / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((REPOSITORY / "package-lock.json").read_text(encoding="utf-8"))
    wanted = {**package["dependencies"], **package["devDependencies"]}
    assert package["private"] is True
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    locked = {name.removeprefix("node_modules/"): entry for name, entry in lock["packages"].items() if name}
    assert all("integrity" in entry and "resolved" not in entry for entry in locked.values())
    assert all(locked[name]["version"] == version for name, version in wanted.items())


def test_assets_stand_beside_the_packages() -> None:
    assert Path(ASSETS, "js", "main.mjs").is_file()
