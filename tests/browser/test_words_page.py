"""What rows of lists and the banner say: whole words of the reader's language, no key, no id. What a person or another
body has written stays as it was written."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from core.cap import Alert, Area, Info, build
from core.clock import rfc3339
from tests.browser.desk import window
from tests.core.test_language import HAN, foreign
from tests.support import Mailbox, System, now, wait_for

Json = dict[str, Any]
GAUGE, DETECTOR = "wl-spare", "gas-spare"  # no simulated device feeds them
# metres, millimetres and the rest stand in rows as symbols (WORDS.md: units are symbols in tables)
SYMBOL = re.compile(r"[\d.]+ ?(mm|mg|dB|km|LEL|m|s|L)\b|%LEL")
ROWS = """([grid, lang]) => [...document.querySelectorAll(`#${grid} .row`)].map(row =>
  [...row.querySelectorAll(`[lang=${lang}], time, .reading`)].map(part => part.textContent).join(' '))"""
BANNER = "lang => [...document.querySelectorAll(`#banner [lang=${lang}]`)].map(part => part.textContent).join(' ')"
TABS = {"incidents": ["grid-incidents"], "alarms": ["grid-alarms", "grid-shelved"], "units": ["grid-units"]}


def opened_of(admin: httpx.Client, sensor: str) -> Json | None:
    items = admin.get("/api/alarms").json()["items"]
    return next((one for one in items if one["thing"]["id"] == sensor), None)


@pytest.fixture(scope="module")
def things(processes: System, admin: httpx.Client, devices: Mailbox) -> None:
    """Something in every list: an alarm that is urgent, one on the shelf, an incident of an alarm, units."""
    limit = admin.get(f"/api/sensors/{GAUGE}").json()["thresholds"]["water_level"]["1"]

    def both() -> bool:
        for sensor, metric, value, unit in (
            (GAUGE, "water_level", limit + 0.3, "m"),
            (DETECTOR, "gas", 60.0, "%LEL"),
        ):
            reading = {"time": rfc3339(now()), "metric": metric, "value": value, "unit": unit}
            devices.publish(f"onemap/observation/{sensor}", reading)
        return bool(opened_of(admin, GAUGE) and opened_of(admin, DETECTOR))

    wait_for(both, what="both alarms are there")
    detector, gauge = opened_of(admin, DETECTOR), opened_of(admin, GAUGE)
    assert detector is not None
    assert gauge is not None
    assert admin.post("/api/incidents", json={"alarm": gauge["id"]}).status_code == 201
    shelved = admin.post(f"/api/alarms/{detector['id']}/shelve", json={"minutes": 30, "reason": "works"})
    assert shelved.status_code == 200, shelved.text
    info = Info(
        "Met", "暴雨", "Expected", "Severe", "Likely", sender_name="市气象台", headline="暴雨橙色预警",
        expires=now() + timedelta(hours=6), areas=(Area("宿城区", ()),),
    )  # fmt: skip
    alert = Alert("words-1", "weather@example.org", now(), "Actual", "Alert", "Public", info=(info,))
    devices.publish("onemap/warning", build(alert))
    wait_for(lambda: processes.one("SELECT count(*) FROM warning"), what="the warning is stored")


@pytest.mark.usefixtures("things")
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_rows_and_banner_speak_the_language_of_the_reader(browser: Browser, processes: System, lang: str) -> None:
    with window(browser, processes, "commander", (1440, 900), lang=lang) as desk:
        desk.open(f"{processes.http}/?test=1")
        said: dict[str, list[str]] = {}
        for tab, grids in TABS.items():
            desk.tab(tab)
            for grid in grids:
                if grid == "grid-shelved":
                    desk.page.click("#switch-shelved")
                desk.page.wait_for_selector(f"#{grid} .row")
                said[grid] = desk.until(ROWS, value=[grid, lang])
        said["banner"] = [desk.until(BANNER, value=lang, what="the banner speaks")]
        assert all(said.values())
        for where, rows in said.items():
            for row in rows:
                assert row.strip(), where
                assert not re.search(r"\b[a-z]+[_-][a-z0-9_-]+\b", row), f"{where}: a key or an id in {row!r}"
                wrong = foreign(SYMBOL.sub("", row)) if lang == "zh" else re.findall(HAN, row)
                assert not wrong, f"{where}: {row!r}"
        assert ("已知施工" if lang == "zh" else "Known works") in said["grid-shelved"][0]
        # what another body has written stays; what we say beside it is ours
        desk.tab("warnings")
        desk.page.wait_for_selector("[data-warning-id]")
        row = desk.page.inner_text("[data-warning-id]")
        assert "暴雨橙色预警" in row
        assert ("无区域" if lang == "zh" else "no area") in row
        assert desk.complaints == []
