"""One signed-in browser window on the One Map page, and what tests ask of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, WebSocketRoute

from app.people.chosen import SettingsIn
from core.clock import rfc3339
from tests.support import PASSWORD, PATIENCE_S, ROOT, System, now, wait_for

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
DESK, PHONE = (1280, 720), (390, 844)
DRAWN = 'html[data-map="idle"][data-ready="1"][data-live="on"]'
LONG_MS = 1000 * PATIENCE_S  # software WebGL on two busy cores

# the running map: main.mjs gives its one page to whoever imports it by the address in the page's script element
MAP = "(await (await import(document.querySelector('script[src$=\"/main.mjs\"]').src)).page).map"
# text a person can see, by element; the map is a canvas and has none
VISIBLE_TEXT = """() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  for (let node; (node = walk.nextNode());) {
    const box = node.parentElement, text = node.textContent.trim();
    if (text && !['SCRIPT', 'STYLE'].includes(box.tagName) && box.checkVisibility({ visibilityProperty: true }))
      found.push([box.closest('[id]')?.id ?? '', text]);
  }
  return found;
}"""
# share of the most frequent colour, and number of colours, of the map's own pixels
MAP_COLOURS = f"""async () => {{
  const source = {MAP}.getCanvas(), copy = new OffscreenCanvas(320, 180), counts = new Map();
  const pen = copy.getContext('2d');
  pen.drawImage(source, 0, 0, 320, 180);
  const pixels = new Uint32Array(pen.getImageData(0, 0, 320, 180).data.buffer);
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) || 0) + 1);
  return {{ colours: counts.size, most: Math.max(...counts.values()) / pixels.length }};
}}"""
DRAWN_AT = f"""async ([layer, id]) => {{
  const [found] = {MAP}.queryRenderedFeatures({{ layers: [layer], filter: ['==', ['get', 'id'], id] }});
  return found ? found.geometry.coordinates : null;
}}"""
# whether a place lies where nothing covers the map
IN_SIGHT = f"""async ([lon, lat]) => {{
  const {{ x, y }} = {MAP}.project([lon, lat]);
  return Boolean(document.elementFromPoint(x, y)?.closest('#map'));
}}"""
CENTRE = f"async () => {MAP}.getCenter().toArray()"
TOO_WIDE = """() => [...document.querySelectorAll('body *')].filter(node => {
  const box = node.getBoundingClientRect();
  return box.width && box.right > innerWidth + 1 && node.checkVisibility({ visibilityProperty: true })
    && !node.closest('.spoken, .tip, .ag-root, .skip, #map') && !node.parentElement?.closest('.result');
}).map(node => node.outerHTML.slice(0, 120))"""
SETTLE = """() => {
  for (const one of document.getAnimations()) {
    if (one.animationName === 'leave') one.cancel();
    else if (one instanceof CSSTransition) one.finish();
  }
}"""
AXE_RUN = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .filter(({ impact }) => ['serious', 'critical'].includes(impact))
  .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 4).map(node => node.target.join(' ')).join(' | ')}`)"""


@dataclass
class Desk:
    """A page with what its console said. Errors and violations of the content policy count as complaints."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(LONG_MS)
        self.page.on("pageerror", lambda error: self.complaints.append(f"thrown: {error}"))
        self.page.on("console", lambda said: self.hear(said.type, said.text))

    def hear(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def open(self, address: str) -> Desk:
        """Open the One Map page and wait until map, lists and live channel are there."""
        self.page.goto(address)
        self.page.wait_for_selector(DRAWN, state="attached", timeout=LONG_MS)
        return self

    def ask(self, script: str, value: object = None) -> Any:
        return self.page.evaluate(script, value)

    def until(self, script: str, wanted: Callable[[Any], bool] = bool, value: object = None, what: str = "") -> Any:
        """What `script` gives once it is `wanted`. (The page forbids eval, so the browser cannot wait by itself.)"""
        found: list[Any] = []

        def reached() -> bool:
            found[:] = [self.page.evaluate(script, value)]
            return wanted(found[0])

        wait_for(reached, what=what or f"{script} {found}")
        return found[0]

    def tab(self, name: str) -> None:
        self.page.click(f"[data-testid=tab-{name}]")
        if name == "alarms":
            self.open_lines()

    def open_lines(self) -> None:
        """Every line of the list of alarms is opened as it comes: for what is tried with their rows."""
        self.ask(
            """() => {
              const list = document.getElementById('grid-alarms');
              const opened = new Set();
              const open = () => list.querySelectorAll('.line-row[aria-expanded=false]').forEach(line => {
                if (opened.has(line.dataset.line)) return;
                opened.add(line.dataset.line);
                line.click();
              });
              new MutationObserver(open).observe(list, { childList: true, subtree: true });
              open();
            }"""
        )

    def select(self, kind: str, identity: str) -> None:
        """Select as a link of the page would, then wait for the card's head."""
        self.ask(
            """([type, id]) => {
              const link = document.createElement('button');
              Object.assign(link.dataset, { selectType: type, selectId: id });
              document.body.append(link); link.click(); link.remove();
            }""",
            [kind, identity],
        )
        self.page.wait_for_selector("#card #card-title")

    def text(self) -> list[tuple[str, str]]:
        """Every visible text with the id it stands under."""
        return [(place, words) for place, words in self.ask(VISIBLE_TEXT)]

    def serious_barriers(self) -> list[str]:
        """What axe-core finds serious or critical. A toast that is just leaving is looked at as it stood, colours that
        are just changing as they will be."""
        self.ask(SETTLE)
        self.ask(axe_source() + "; void 0")
        found: list[str] = self.ask(AXE_RUN)
        return found

    def switch_language(self, to: str) -> None:
        """By its button; the card that is open, if one is, comes in the other language a moment later."""
        self.page.click("#language-switch")
        self.page.wait_for_selector(f"html[data-lang={to}]", state="attached")
        if self.page.locator("#card #card-title").count():
            self.page.wait_for_selector(f"body[data-card-lang={to}]", state="attached")

    def set_theme(self, theme: str) -> None:
        if self.ask("() => document.documentElement.dataset.theme") != theme:
            self.page.click("#theme-switch")
        self.page.wait_for_selector(f"html[data-theme={theme}]", state="attached")
        # Mantine and the grids take the theme a moment later
        self.page.wait_for_selector(f"html[data-mantine-color-scheme={theme}]", state="attached")


@cache
def axe_source() -> str:
    return AXE.read_text("utf-8")


def sign_in(context: BrowserContext, http: str, role: str) -> None:
    """Give the context a session as the log-in form would."""
    form: dict[str, str | float | bool] = {"username": role, "password": PASSWORD, "next": "/"}
    answer = context.request.post(f"{http}/login", form=form, headers={"Origin": http}, max_redirects=0)
    assert answer.status == 303, answer.text()


def choose(context: BrowserContext, http: str, lang: str = "zh", **choices: Any) -> None:
    """What the account remembers of the page: this and nothing else."""
    settings = {name: choices.get(name) for name in SettingsIn.model_fields}
    changes = {"lang": lang, "settings": settings}
    answer = context.request.patch(f"{http}/api/me", data=changes, headers={"Origin": http})
    assert answer.ok, answer.text()


@contextmanager
def window(
    browser: Browser,
    system: System,
    role: str | None,
    size: tuple[int, int] = DESK,
    zone: str | None = None,
    **choices: Any,
) -> Iterator[Desk]:
    """A window of its own, signed in as `role`, on a machine that stands in `zone`, who has chosen `choices` (lang,
    theme) and nothing else of the page."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="zh-CN", timezone_id=zone or None
    )
    if role:
        sign_in(context, system.http, role)
        choose(context, system.http, **choices)
    try:
        yield Desk(context.new_page())
    finally:
        context.close()


@dataclass
class Line:
    """The live channel between one page and the server; what a test says on it arrives as if the server had, on a
    new connection too. Made before the page is opened."""

    page: Page
    sockets: list[WebSocketRoute] = field(default_factory=list)
    said: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.page.route_web_socket("**/push", self.carry)

    def carry(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda message: self.pass_on(socket, message))
        socket.on_message(server.send)
        self.sockets.append(socket)

    def pass_on(self, socket: WebSocketRoute, message: str | bytes) -> None:
        socket.send(message)
        heard = json.loads(message)
        if heard["op"] == "snapshot" and heard["kind"] in self.said:
            self.send(socket, heard["kind"], list(self.said[heard["kind"]].values()))

    def say(self, kind: str, items: list[dict[str, Any]]) -> None:
        self.said.setdefault(kind, {}).update({one["id"]: one for one in items})
        self.send(self.sockets[-1], kind, items)

    def send(self, socket: WebSocketRoute, kind: str, items: list[dict[str, Any]]) -> None:
        message = {"time": rfc3339(now()), "kind": kind, "op": "upsert", "items": items}
        socket.send(json.dumps(message, ensure_ascii=False))


def path_of(page: Page) -> str:
    return urlsplit(page.url).path
