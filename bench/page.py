"""`python -m bench.page [--json] [--minutes M] [--count N]`: the One Map page of the running city, as a commander's
browser has it.

Against the `./onemap up` of this checkout, with the demo's storm on: first picture and what it cost, what a click
costs, how busy the page's main thread is, from publishing an incident to its row, and the heap. Times depend on the
machine, on what else it does, and on whether a graphics card draws the map (`drawn_by`): compare two runs on one
machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import CDPSession, Page, sync_playwright

from app.services.packages import find_chromium
from core.clock import rfc3339, utc_now
from core.mqtt import connect, make_client

RUN = Path(__file__).resolve().parents[1] / ".onemap" / "run.json"
SIZE = (1920, 1080)
READY = 'html[data-map="idle"][data-ready="1"][data-live="on"]'
LONG_MS = 120_000.0
FLAGS = ("--headless=new", "--no-sandbox", "--disable-quic", "--enable-unsafe-swiftshader")
Figures = dict[str, float | int | str | None]

PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
DRAWN_BY = """() => {
  const gl = document.createElement('canvas').getContext('webgl2');
  const info = gl?.getExtension('WEBGL_debug_renderer_info');
  return gl ? String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER)) : 'nothing';
}"""
# from the press to the next frame: what the hand waits for
PRESS = """selector => new Promise(done => {
  const node = document.querySelector(selector), began = performance.now();
  node.click();
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
})"""
# when a row with these words is in the page, and when the frame after it has been drawn
WATCH = """words => {
  window.benchRow = new Promise(done => {
    setTimeout(done, 20000, null);
    const watch = new MutationObserver(() => {
      if (!document.getElementById('grid-incidents').textContent.includes(words)) return;
      watch.disconnect();
      const there = Date.now();
      requestAnimationFrame(() => setTimeout(() => done([there, Date.now()])));
    });
    watch.observe(document.getElementById('grid-incidents'), { childList: true, subtree: true, characterData: true });
  });
}"""
TOP = "async () => (await window.dash_ag_grid.getApiAsync('grid-incidents')).ensureIndexVisible(0)"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="how long the page stays open for the heap (default 1)"
    )
    parser.add_argument("--count", type=int, default=10, help="presses, and incidents published (default 10)")
    given = parser.parse_args()
    if not RUN.exists():
        sys.exit("bench page measures the running city: start ./onemap up first")
    figures = measure(json.loads(RUN.read_text("utf-8")), given.minutes, given.count)
    if given.json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:28} {value}")


def measure(run: Mapping[str, Any], minutes: float, count: int) -> Figures:
    login = run["logins"]["commander"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]}, locale="zh-CN")
        form: dict[str, str | float | bool] = {
            "username": login["username"],
            "password": login["password"],
            "next": "/",
        }
        answer = context.request.post(
            f"{run['http']}/login", form=form, headers={"Origin": run["http"]}, max_redirects=0
        )
        if answer.status != 303:
            sys.exit(f"the log-in was refused: {answer.status}")
        page = context.new_page()
        devtools = context.new_cdp_session(page)
        figures = {
            **measure_start(page, devtools, run["http"]),
            **measure_presses(page, count),
            **measure_publish(page, run, count),
            **measure_rest(page, devtools, minutes),
        }
        browser.close()
    return figures


def measure_start(page: Page, devtools: CDPSession, http: str) -> Figures:
    """The first picture and the whole page, with what came over the line until then."""
    sizes: list[tuple[float, float]] = []
    devtools.send("Network.enable")
    devtools.on("Network.loadingFinished", lambda done: sizes.append((time.monotonic(), done["encodedDataLength"])))
    began = time.monotonic()
    page.goto(f"{http}/")
    page.wait_for_selector(READY, state="attached", timeout=LONG_MS)
    ready = time.monotonic()
    page.wait_for_timeout(1500)
    first = page.evaluate(PAINT)
    painted = began + (first or 0) / 1000
    return {
        "drawn_by": page.evaluate(DRAWN_BY),
        "first_picture_ms": first and round(first),
        "first_picture_kb": round(sum(size for at, size in sizes if at <= painted) / 1000),
        "page_ready_ms": round((ready - began) * 1000),
        "page_kb": round(sum(size for _, size in sizes) / 1000),
        "requests": len(sizes),
    }


def measure_presses(page: Page, count: int) -> Figures:
    """What a press of a tab costs until the next frame, and how long a card takes."""
    tabs = [f"[data-testid=tab-{name}]" for name in ("alarms", "units", "incidents")]
    presses = [page.evaluate(PRESS, tabs[n % len(tabs)]) for n in range(max(count, len(tabs)))]
    page.evaluate(PRESS, tabs[-1])
    cards: list[float] = []
    rows = page.locator("#grid-incidents [data-incident-id]")
    ids = rows.evaluate_all("rows => rows.map(row => row.dataset.incidentId)")[:count]
    for identity in ids:
        began = time.monotonic()
        page.evaluate("id => document.querySelector(`[data-incident-id='${id}']`).click()", identity)
        page.wait_for_selector("body[data-card-state=ready]", state="attached", timeout=LONG_MS)
        cards.append((time.monotonic() - began) * 1000)
    return {
        "press_median_ms": round(statistics.median(presses)),
        "press_slowest_ms": round(max(presses)),
        "card_median_ms": round(statistics.median(cards)) if cards else None,
    }


def measure_publish(page: Page, run: Mapping[str, Any], count: int) -> Figures:
    """From publishing an incident to its row in the page, and to the frame that shows it. They are withdrawn after
    it."""
    client = make_client(run["mqtt_url"], f"bench-page-{uuid.uuid4().hex[:8]}")
    connect(client, run["mqtt_url"])
    client.loop_start()
    # a list that follows what is selected may have scrolled away from its top, where an urgent incident comes
    page.keyboard.press("Escape")
    page.evaluate("() => document.activeElement?.blur()")
    page.evaluate(TOP)
    there, painted = [], []
    for _ in range(count):
        name = uuid.uuid4().hex[:10]
        title = f"量测{name}"
        page.evaluate(WATCH, title)
        body = {
            "id": f"bench-{name}",
            "time": rfc3339(utc_now()),
            "kind": "other",
            "title": title,
            "channel": "bench",
            "level": 1,
        }
        began = time.time() * 1000
        client.publish("onemap/incident", json.dumps({**body, "level": 1}), qos=1)
        seen = page.evaluate("() => window.benchRow")
        if seen is None:
            sys.exit("an incident that was published is in no row after 20 s")
        there.append(seen[0] - began)
        painted.append(seen[1] - began)
    client.disconnect()
    client.loop_stop()
    withdraw(run)
    return {
        "publish_to_row_median_ms": round(statistics.median(there)),
        "publish_to_row_slowest_ms": round(max(there)),
        "publish_to_painted_median_ms": round(statistics.median(painted)),
        "publish_to_painted_slowest_ms": round(max(painted)),
    }


def withdraw(run: Mapping[str, Any]) -> None:
    login = run["logins"]["commander"]
    with httpx.Client(base_url=run["http"], trust_env=False, timeout=30) as api:
        given = {"username": login["username"], "password": login["password"]}
        token = api.post("/api/token", json=given).json()["token"]
        api.headers["Authorization"] = f"Bearer {token}"
        for one in api.get("/api/incidents", params={"limit": 1000}).json()["items"]:
            if one["channel"] == "bench":
                said = {"status": "cancelled", "version": one["version"], "reason": "bench"}
                api.post(f"/api/incidents/{one['id']}/status", json=said)


def measure_rest(page: Page, devtools: CDPSession, minutes: float) -> Figures:
    """How busy the main thread is while nobody touches the page, and the heap at its beginning and end."""
    devtools.send("Performance.enable")
    before, heap_before = busy_seconds(devtools), heap_mb(devtools)
    began = time.monotonic()
    page.wait_for_timeout(minutes * 60_000)
    passed = time.monotonic() - began
    return {
        "main_thread_share": round((busy_seconds(devtools) - before) / passed, 3),
        "heap_before_mb": heap_before,
        "heap_after_mb": heap_mb(devtools),
        "minutes": minutes,
    }


def busy_seconds(devtools: CDPSession) -> float:
    metrics = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


def heap_mb(devtools: CDPSession) -> float:
    """After a collection: what is really held."""
    devtools.send("HeapProfiler.collectGarbage")
    return round(float(devtools.send("Runtime.getHeapUsage")["usedSize"]) / 1e6, 1)


if __name__ == "__main__":
    main()
