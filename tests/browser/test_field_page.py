"""The page of a unit's phone: bound by a QR code, a whole task with one hand, and nothing lost or doubled whatever the
network does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Browser, Route
from sqlalchemy import Engine, text

from core.vocabulary import TaskReply
from dispatch import tasks
from tests.browser.desk import PHONE, TOO_WIDE, Desk, window
from tests.dispatch.test_incidents import opened, send
from tests.support import System, now, wait_for

UNIT = "fire-01"
ACTS = "**/api/field/acts*"
# the page is kept on the phone, and whoever opens it without a network gets it
KEPT = """async () => {
  const ready = await navigator.serviceWorker.ready;
  if (ready.active?.state !== 'activated') return false;
  const [name] = (await caches.keys()).filter(one => one.startsWith('onemap-field-'));
  return Boolean(name && (await (await caches.open(name)).keys()).length > 5);
}"""
ENTRIES = """async () => new Promise((resolve, reject) => {
  const opening = indexedDB.open('onemap-field', 1);
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const all = opening.result.transaction('acts').objectStore('acts').getAll();
    all.onsuccess = () => {
      opening.result.close();
      resolve(all.result.map(({ act, state }) => [act.kind, act.state ?? act.text ?? '', state]));
    };
  };
})"""
FULL = (
    """() => { IDBObjectStore.prototype.add = () => { throw new DOMException('no room', 'QuotaExceededError'); }; }"""
)
UNKEPT = "indexedDB.open = () => { throw new DOMException('no', 'SecurityError'); };"
SMALL = """() => [...document.querySelectorAll('button, a, input, select, textarea')]
  .filter(one => one.checkVisibility()).map(one => one.closest('.choice') ?? one)
  .map(one => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
  .filter(([, { width, height }]) => width < 44 || height < 44)
  .map(([html]) => html)"""
LOADED = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  .reduce((sum, one) => sum + one.decodedBodySize, 0)"""
CLOCK_OFF = """const Right = Date;
globalThis.Date = class extends Right {
  constructor(...given) { if (given.length) super(...given); else super(Right.now() + 3 * 3600e3); }
  static now() { return Right.now() + 3 * 3600e3; }
};"""


@contextmanager
def bound(browser: Browser, processes: System, api: httpx.Client, script: str = "") -> Iterator[Desk]:
    """A phone of the unit, bound as a person does it: the address of the QR code, one press."""
    context = browser.new_context(viewport={"width": PHONE[0], "height": PHONE[1]}, locale="zh-CN", has_touch=True)
    if script:
        context.add_init_script(script)
    try:
        phone = Desk(context.new_page())
        phone.page.goto(api.post(f"/api/units/{UNIT}/phones", json={"name": "测试机"}).json()["address"])
        phone.page.click("button[type=submit]")
        phone.page.wait_for_selector("#page section")
        phone.until(KEPT, what="the page is kept")
        yield phone
    finally:
        context.close()


@pytest.fixture
def phone(browser: Browser, processes: System, api: httpx.Client) -> Iterator[Desk]:
    with bound(browser, processes, api) as phone:
        yield phone


@pytest.fixture
def task(own_engine: Engine) -> Iterator[UUID]:
    """The unit is sent to an incident; free again afterwards."""
    with own_engine.begin() as conn:
        incident = opened(conn, text="下穿通道积水，车辆被困", address="人民大道下穿")
    with own_engine.begin() as conn:
        assignment = send(conn, incident, UNIT)
    yield assignment
    with own_engine.begin() as conn:
        tasks.reply(conn, assignment, TaskReply.CLEAR, UNIT, now(), now(), None)


def network(phone: Desk, there: bool) -> None:
    phone.page.context.set_offline(not there)


def shown(phone: Desk, state: str) -> None:
    """The task on the phone has come so far."""
    phone.page.wait_for_selector(f"[data-testid=state][data-state={state}]")


def ask_anew(phone: Desk) -> None:
    """The page asks for its picture, as when the phone is taken out of the pocket."""
    phone.ask("() => { document.dispatchEvent(new Event('visibilitychange')); }")


def press(phone: Desk, does: str) -> None:
    phone.page.click(f"[data-do={does}]")


def say(phone: Desk, words: str) -> None:
    press(phone, "message")
    phone.page.fill("dialog textarea", words)
    phone.page.click("dialog button[type=submit]")
    phone.page.wait_for_selector("dialog", state="detached")


def come(phone: Desk, n: int, state: str = "done") -> None:
    """So many entries have come to that."""
    phone.until(ENTRIES, lambda found: sum(one[2] == state for one in found) == n, what=f"{n} {state}")


def replies(processes: System, task: UUID) -> list[str]:
    query = """
SELECT e.data->>'state' AS state FROM incident_event e JOIN assignment a ON a.incident_id = e.incident_id
WHERE a.id = %s AND e.what = 'reply' ORDER BY e.id
"""
    return [row["state"] for row in processes.rows(query, task)]


def messages(processes: System, words: str) -> int:
    in_log = processes.one(
        "SELECT count(*) FROM incident_event WHERE what = 'message' AND text->>'zh' LIKE %s", f"%{words}"
    )
    return int(in_log) + int(processes.one("SELECT count(*) FROM incident WHERE text = %s", words))


def test_whole_task_with_one_button(phone: Desk, processes: System, task: UUID) -> None:
    shown(phone, "assigned")
    for state in ("accepted", "en_route", "on_scene"):
        phone.page.click(f"button.primary[data-state={state}]")
        shown(phone, state)
    phone.page.click("button.primary[data-state=clear]")
    assert replies(processes, task)[-1] != "clear"
    phone.page.click("dialog button[type=submit]")
    wait_for(lambda: replies(processes, task) == ["accepted", "en_route", "on_scene", "clear"])
    phone.page.wait_for_selector("[data-testid=state]", state="detached")
    assert phone.complaints == []


def test_decline_asks_for_a_reason(phone: Desk, processes: System, task: UUID) -> None:
    press(phone, "decline")
    phone.page.click("dialog input[value=vehicle]")
    phone.page.click("dialog button[type=submit]")
    wait_for(lambda: replies(processes, task) == ["declined"])


def test_page_opens_without_a_network_and_sends_in_order_when_it_is_back(
    phone: Desk, processes: System, task: UUID
) -> None:
    shown(phone, "assigned")
    network(phone, False)
    phone.page.reload()
    shown(phone, "assigned")
    for state in ("accepted", "en_route"):
        phone.page.click(f"button.primary[data-state={state}]")
        shown(phone, state)
    say(phone, "水深半米")
    assert "3 条待发" in phone.page.inner_text("[data-testid=strip]")
    phone.page.reload()
    shown(phone, "en_route")
    assert [one[2] for one in phone.ask(ENTRIES)] == ["waiting"] * 3
    network(phone, True)
    come(phone, 3)
    assert replies(processes, task) == ["accepted", "en_route"]
    assert messages(processes, "水深半米") == 1


def cut_before(route: Route) -> None:
    route.abort()


def cut_after(route: Route) -> None:
    """The server has committed; its answer is lost."""
    assert route.fetch().ok
    route.abort()


@pytest.mark.parametrize("cut", [cut_before, cut_after], ids=["before", "after_the_commit"])
def test_what_gets_no_answer_is_sent_again_and_happens_once(
    phone: Desk, processes: System, cut: Callable[[Route], None]
) -> None:
    times: list[int] = []

    def handle(route: Route) -> None:
        times.append(1)
        cut(route) if len(times) <= 2 else route.continue_()

    words = f"断网{cut.__name__}"
    phone.page.route(ACTS, handle)
    say(phone, words)
    come(phone, 1)
    assert len(times) == 3
    assert messages(processes, words) == 1


def test_server_that_is_killed_and_comes_back_gets_everything_once(phone: Desk, processes: System) -> None:
    processes.kill("serve")
    for n in range(3):
        say(phone, f"停机{n}")
    come(phone, 3, "waiting")
    processes.start("serve")
    ask_anew(phone)
    come(phone, 3)
    assert [messages(processes, f"停机{n}") for n in range(3)] == [1, 1, 1]
    order = processes.rows(
        "SELECT body->>'text' AS said FROM field_act WHERE body->>'text' LIKE '停机%%' ORDER BY received_at"
    )
    assert [row["said"] for row in order] == ["停机0", "停机1", "停机2"]


def test_what_is_refused_shows_why_and_is_mended_or_dropped(phone: Desk, processes: System) -> None:
    press(phone, "message")
    phone.ask("() => { document.querySelector('dialog textarea').value = '水位上涨\\u0007'; }")
    phone.page.click("dialog button[type=submit]")
    phone.page.wait_for_selector("[data-entry=refused] .why")
    assert phone.page.inner_text("[data-entry=refused] .why")
    say(phone, "后面的照发")
    come(phone, 1)
    press(phone, "mend")
    phone.page.fill("dialog textarea", "水位上涨")
    phone.page.click("dialog button[type=submit]")
    come(phone, 2)
    phone.page.wait_for_selector("[data-entry=refused]", state="detached")
    assert messages(processes, "水位上涨") == 1


def test_reply_to_a_task_that_ended_meanwhile_is_told_in_words(
    phone: Desk, processes: System, own_engine: Engine, task: UUID
) -> None:
    shown(phone, "assigned")
    network(phone, False)
    phone.page.click("button.primary[data-state=accepted]")
    shown(phone, "accepted")
    with own_engine.begin() as conn:
        incident = conn.scalar(text("SELECT incident_id FROM assignment WHERE id = :id"), {"id": task})
        tasks.recall(conn, incident, UNIT, "desk-1", now(), None)
    network(phone, True)
    phone.page.wait_for_selector("[data-entry=refused] .why")
    assert "任务已结束" in phone.page.inner_text("[data-entry=refused] .why")
    press(phone, "drop")
    phone.page.wait_for_selector("[data-entry=refused]", state="detached")
    assert replies(processes, task) == []


def test_full_phone_tells_it_keeps_what_was_typed_and_sends_all_the_same(phone: Desk, processes: System) -> None:
    phone.ask(FULL)
    network(phone, False)
    press(phone, "message")
    phone.page.fill("dialog textarea", "存满了")
    phone.page.click("dialog button[type=submit]")
    phone.page.wait_for_selector("dialog .why:not([hidden])")
    assert phone.page.input_value("dialog textarea") == "存满了"
    network(phone, True)
    phone.page.click("dialog button[type=submit]")
    phone.page.wait_for_selector("dialog", state="detached")
    assert messages(processes, "存满了") == 1


def test_browser_that_keeps_nothing_is_told_of_and_works(
    browser: Browser, processes: System, api: httpx.Client
) -> None:
    with bound(
        browser, processes, api, "indexedDB.open = () => { throw new DOMException('no', 'SecurityError'); };"
    ) as phone:
        phone.page.wait_for_selector("#strip .why")
        say(phone, "无存储")
        phone.page.wait_for_selector("[data-entry=done]")
        assert messages(processes, "无存储") == 1


def test_clock_three_hours_ahead_does_not_move_what_happened(
    browser: Browser, processes: System, api: httpx.Client, task: UUID
) -> None:
    before = now()
    with bound(browser, processes, api, CLOCK_OFF) as phone:
        shown(phone, "assigned")
        phone.page.click("button.primary[data-state=accepted]")
        come(phone, 1)
    assert before <= processes.one("SELECT accepted_at FROM assignment WHERE id = %s", task) <= now()


def test_two_phones_of_one_unit_show_the_same(
    browser: Browser, processes: System, api: httpx.Client, phone: Desk, task: UUID
) -> None:
    with bound(browser, processes, api) as other:
        shown(other, "assigned")
        phone.page.click("button.primary[data-state=accepted]")
        wait_for(lambda: replies(processes, task) == ["accepted"])
        ask_anew(other)
        shown(other, "accepted")
        other.page.click("button.primary[data-state=en_route]")
        wait_for(lambda: replies(processes, task) == ["accepted", "en_route"])
        ask_anew(phone)
        shown(phone, "en_route")


def test_call_for_help_is_held_and_the_desk_cannot_overlook_it(
    browser: Browser, phone: Desk, processes: System
) -> None:
    count = "SELECT count(*) FROM field_act WHERE kind = 'panic'"
    phone.page.click("[data-do=panic]")
    assert phone.ask(ENTRIES) == []
    phone.page.hover("[data-do=panic]")
    phone.page.mouse.down()
    phone.until(ENTRIES, lambda found: [one[0] for one in found] == ["panic"], what="held long enough")
    phone.page.mouse.up()
    come(phone, 1)
    assert processes.one(count) == 1
    assert processes.one("SELECT level FROM incident WHERE kind = 'panic' AND reporter = %s", UNIT) == 1
    with window(browser, processes, "dispatcher") as desk:
        desk.open(f"{processes.http}/?test=1")
        banner = "() => document.querySelector('#banner:not([hidden]) b')?.textContent ?? ''"
        desk.until(banner, lambda said: "现场人员求救" in said)


def test_revoked_phone_is_told_and_keeps_what_waits(phone: Desk, processes: System, api: httpx.Client) -> None:
    [bound_one] = [one for one in api.get(f"/api/units/{UNIT}/phones").json()["items"] if one["paired_at"]][-1:]
    assert api.delete(f"/api/units/{UNIT}/phones/{bound_one['id']}").status_code == 204
    say(phone, "还在手机上")
    phone.until("() => document.querySelector('[data-testid=strip]').textContent", lambda said: "解除绑定" in said)
    assert phone.ask(ENTRIES)[-1][2] == "waiting"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_has_no_barrier_and_nothing_is_small_in_either_language(phone: Desk, task: UUID, scheme: Any) -> None:
    phone.page.emulate_media(color_scheme=scheme)
    shown(phone, "assigned")
    for _ in ("zh", "en"):
        assert phone.serious_barriers() == []
        assert phone.ask(SMALL) == []
        assert phone.ask(TOO_WIDE) == []
        press(phone, "report")
        assert phone.serious_barriers() == []
        assert phone.ask(SMALL) == []
        phone.page.click("dialog button[type=button].secondary >> nth=-1")
        press(phone, "language")


def test_first_load_is_light(browser: Browser, processes: System, api: httpx.Client) -> None:
    with bound(browser, processes, api) as phone:
        assert 0 < phone.ask(LOADED) < 300_000


def test_desk_binds_a_phone_by_its_code_and_revokes_it(browser: Browser, processes: System, api: httpx.Client) -> None:
    unit = "works-01"
    with window(browser, processes, "dispatcher") as desk:
        desk.open(f"{processes.http}/?test=1").select("unit", unit)
        desk.page.click(".phones summary")
        desk.page.wait_for_selector("[data-phones] .quiet")
        desk.page.fill("[data-phones] input", "带班长")
        desk.page.click("[data-phones] button[type=submit]")
        address = desk.page.wait_for_selector(".phone-code img").get_attribute("alt")
        assert address
        desk.until("() => document.querySelector('.phone-code img').naturalWidth", what="the code is drawn")
        assert desk.serious_barriers() == []
        context = browser.new_context(viewport={"width": PHONE[0], "height": PHONE[1]}, locale="zh-CN")
        page = context.new_page()
        page.goto(address)
        page.click("button[type=submit]")
        page.wait_for_selector("#page section")
        desk.page.click(".phone-code button")
        desk.page.wait_for_selector("[data-phones] li")
        desk.page.click("[data-phones] [data-phone]")
        desk.page.wait_for_selector("[data-phones] .quiet")
        assert context.request.get(f"{processes.http}/api/field").status == 401
        context.close()
    assert api.get(f"/api/units/{unit}/phones").json()["items"] == []
    assert desk.complaints == []
