"""Each language is written, not translated: no English word and no raw key in a Chinese sentence, no Chinese in an
English one; what the code says stands in a catalogue, and what stands there is said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from core.i18n import catalogue
from core.vocabulary import table

ROOT = Path(__file__).parents[2]
PAGE: dict[str, dict[str, str]] = json.loads((files("core.i18n") / "page.json").read_text("utf-8"))
CATALOGUES = {"messages": catalogue(), "page": PAGE}
TABLES = sorted(path.stem for path in (ROOT / "core" / "data").glob("*.json"))
HAN = r"[\u4e00-\u9fff]"
FIELD = re.compile(r"\{+\w+\}+")
WORD = re.compile(r"[A-Za-z][A-Za-z_]+")
# punctuation of half width at a Chinese sign
HALF = re.compile(rf"{HAN}[,:;!?()]|[,:;!?()]{HAN}")
# formats, products, gases and units have one name in every language
NAMES = {
    *("EEMUA", "ISA"),
    *("API", "Base", "CAP", "CO", "CSV", "EN", "JMESPath", "JPEG", "JSON", "MQTT", "NO", "PM", "SO", "SenML"),
    *("ChirpStack", "Frigate", "LoRaWAN", "MB", "OGC", "OwnTracks", "SensorThings", "Sparkplug", "Tasmota", "Zigbee"),
    *("OpenStreetMap", "GCJ", "BD"),
    *("LEL", "The", "Things", "Stack"),
    *(
        "ArcGIS",
        "DXF",
        "FileGDB",
        "GB",
        "GIS",
        "GeoJSON",
        "GeoPackage",
        "KML",
        "OSM",
        "QGIS",
        "Shapefile",
        "XLSX",
        "EPSG",
        "UTF",
    ),
    *("II", "III", "IV"),
    *("TAK", "CoT", "Polygon", "MultiPolygon"),
}
# the name of the language itself, and what is typed as it stands
# they speak of a format's own elements, by name
OF_A_FORMAT = {"cap_rules"}
AS_IT_STANDS = {
    "login.other",
    "me.language.en",
    "me.language.zh",
    "bar.language.short",
    "accounts.csv.help",
    "devices.field.capabilities.help",
    "search.coordinates",
    "bring.field.datum.help",
    "act.field.place",
    "error.csv_heading",
    "given.map_address",
    "given.mail_address",
    "given.send_address",
    "given.tak_address",
    "given.webhook_secret",
    "error.host_not_allowed",
    *(f"subs.field.{name}" for name in ("key", "token", "body.help", "address.help")),
    *(f"subs.{name}" for name in ("sender.webhook.help", "sender.cot.help", "options.cot")),
    "given.zone",
    "given.content_crs",
    "basemaps.field.address.help",
    *(f"sources.field.options.{name}.help" for name in ("records", "device", "values", "units", "message_as", "name")),
}


def texts() -> Iterator[tuple[str, dict[str, str]]]:
    """(where, text) of all that is written for people."""
    for name, entries in CATALOGUES.items():
        yield from ((f"{name} {key}", text) for key, text in entries.items() if key not in AS_IT_STANDS)
    for name in TABLES:
        if name in OF_A_FORMAT:
            continue
        yield from ((f"{name} {key}", row) for key, row in table(name).items() if isinstance(row.get("zh"), str))


def foreign(chinese: str) -> set[str]:
    """English words in a Chinese sentence."""
    return set(WORD.findall(FIELD.sub("", chinese))) - NAMES


def test_english_words_in_chinese_are_found() -> None:
    assert foreign("规则 water-stage，{thing}") == {"water", "stage"}
    assert foreign("一级阈值 56.5 %LEL") == set()


def test_no_english_words_stand_in_chinese() -> None:
    assert {where: foreign(text["zh"]) for where, text in texts() if foreign(text["zh"])} == {}


def test_no_chinese_stands_in_english() -> None:
    assert [where for where, text in texts() if re.search(HAN, text["en"])] == []


def test_chinese_punctuation_is_of_full_width() -> None:
    assert {where: text["zh"] for where, text in texts() if HALF.search(text["zh"])} == {}


def test_nobody_is_shouted_at() -> None:
    assert [where for where, text in texts() if re.search("[!！]", text["zh"] + text["en"])] == []


@pytest.mark.parametrize("name", ["ambient_calls", "storm"])
def test_calls_of_the_demo_are_written_as_people_write(name: str) -> None:
    said = json.loads((ROOT / "demo" / "data" / f"{name}.json").read_text("utf-8"))["calls"]
    assert [call["text"] for call in said if HALF.search(call["text"])] == []


# --- keys ------------------------------------------------------------------------------------------------------------


def sources(*suffixes: str) -> str:
    places = ("app", "alerts", "core", "dispatch", "ingest", "layers", "assets/js")
    found = (path for place in places for path in sorted((ROOT / place).rglob("*")) if path.suffix in suffixes)
    return "\n".join(path.read_text("utf-8") for path in found)


PYTHON, SCRIPTS = sources(".py"), sources(".mjs", ".js")
SAID_BY_SERVER = re.compile(r"""(?<![.\w])say\(\s*"([\w.]+)"[,)]""")
SAID_BY_PAGE = re.compile(r"""\btexts\.(?:both|text|entry|named)\(\s*"([\w.]+)"[,)]""")
SAID_BY_SCRIPT = re.compile(r"""\b(?:both|say|texts|tell|offer)\('([a-z][\w]*(?:\.[\w]+)+)'|catalogue\['([\w.]+)'\]""")


def test_what_the_code_says_stands_in_a_catalogue() -> None:
    by_script = {first or second for first, second in SAID_BY_SCRIPT.findall(SCRIPTS)}
    assert len(by_script) > 20
    assert set(SAID_BY_SERVER.findall(PYTHON)) - set(catalogue()) - {""} == set()
    assert (set(SAID_BY_PAGE.findall(PYTHON)) | by_script) - set(PAGE) == set()


LITERALS = set(re.findall(r"""["'`]([a-z]\w*(?:\.[\w-]+)+)["'`]""", PYTHON + SCRIPTS))
# what is put together of a part that stands there and one that does not: "trend.{…}", known("reason", …)
FAMILIES = {
    *re.findall(r"""["'`]([a-z][\w.]*)\.(?:\{|\$\{)""", PYTHON + SCRIPTS),
    *re.findall(r"""\b(?:known|family)\(\s*"([\w.]+)\"""", PYTHON),
    *(literal for literal in LITERALS if literal.endswith((".field", ".try"))),
}
# a form says `.help` of each of its fields and sections, a table `.none` and `.nothing` of its rows
ENDINGS = (".help", ".none", ".nothing")


@pytest.mark.parametrize("name", list(CATALOGUES))
def test_what_stands_in_a_catalogue_is_said(name: str) -> None:
    def is_said(key: str) -> bool:
        parts = key.split(".")
        inside = any(".".join(parts[:end]) in FAMILIES for end in range(1, len(parts)))
        return key in LITERALS or inside or key.endswith(ENDINGS)

    assert [key for key in CATALOGUES[name] if not is_said(key)] == []
