"""The pages as a whole: texts, ids and files agree, and the policy lets their scripts run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest
from dash import html
from sqlalchemy import Connection

from app.asking import Asking
from app.dashboard import texts
from app.deps import Parts
from app.index import ASSETS
from app.pages import set_aside, shell, sources
from app.pages.set_aside import view as aside
from app.pages.site import PAGES as PAGES_OF
from app.pages.sources import layout, letters
from core.viewer import Role
from ingest.replay import FINAL
from tests.dashboard.tree import having, walk, words
from tests.people import person
from tests.support import now

PAGES = Path(shell.__file__).parent
MODULES = sorted(PAGES.rglob("*.py"))
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_every_text_the_pages_ask_for_is_in_the_catalogue() -> None:
    literal = re.compile(
        r'"((?:page|form|table|analysis|error|sources|devices|letters|aside|toast|bar|lists|app|card|dialog)\.[a-z_.]+)"'
    )
    asked = {key for module in MODULES for key in literal.findall(module.read_text(encoding="utf-8"))}
    families = {"app.pages", "sources.field", "devices.field", "aside.kind", "aside.is", "sources.try"}
    assert len(asked) > 80
    assert asked - families <= set(texts.catalogue())


def test_no_text_stands_in_code_outside_the_catalogue() -> None:
    for source in [*MODULES, *ASSETS.glob("js/pages/*")]:
        assert not CHINESE.search(source.read_text(encoding="utf-8")), source


def test_modules_stay_small() -> None:
    for source in [*MODULES, *ASSETS.glob("js/pages/*")]:
        assert len(source.read_text(encoding="utf-8").splitlines()) < 800, source


def test_files_named_by_the_index_page_exist() -> None:
    named = re.findall(r'(?:src|href)="/assets/([^"]+)"', shell.index_string())
    assert len(named) > 5
    assert all((ASSETS / name).is_file() for name in named)
    assert "style" not in re.sub(r'rel="stylesheet"', "", shell.index_string())


def test_what_draws_cells_and_figures_comes_before_dash_and_is_not_deferred() -> None:
    index = shell.index_string()
    for name in ("grid.js", "figures.js"):
        script = f'<script src="/assets/js/pages/{name}"></script>'
        assert 0 < index.index(script) < index.index("{%scripts%}"), name


def test_bar_says_who_is_logged_in_and_leads_back() -> None:
    bar = shell.top_bar("sources.title", person(Role.COMMANDER), (("/set-aside", "aside.title"),))
    assert "Li Ming · Commander" in words(bar, "en")
    links = [part["props"]["href"] for part in walk(bar) if part["type"] == "A"]
    assert links == ["/", "/set-aside", "/catalogue#requests", "/me"]
    assert [part["type"] for part in walk(bar)].count("H1") == 1


def test_acts_are_drawn_for_administrators_only() -> None:
    for is_admin in (True, False):
        shown = aside.page_view([], is_admin=is_admin)
        assert bool(having(shown, data_key="drop")) is is_admin
        tabs = layout.tabs("sources", is_admin=is_admin, may_read=True)
        assert bool(having(tabs, data_key="add-source")) is is_admin


REFUSED = [
    (address, role) for address, (_, needed) in shell.PAGES.items() for role in Role if not person(role).may(needed)
]


@pytest.mark.parametrize(("address", "role"), REFUSED, ids=[f"{role} {address}" for address, role in REFUSED])
def test_page_that_one_may_not_read_says_so_and_links_lead_to_what_one_may(address: str, role: Role) -> None:
    who = person(role)
    # nothing is read for whom nothing is shown
    drawn = PAGES_OF[address].draw(Asking(cast(Connection, None), who, now(), cast(Parts, None)), "")
    assert re.search(
        r"for dispatchers and above|needs an administrator|permission to manage|may not see the city",
        words(drawn, "en"),
    )
    links = {part["props"]["href"].partition("#")[0] for part in walk(drawn) if part["type"] == "A"} - {"/", "/me"}
    assert all(who.may(shell.PAGES[one][1]) for one in links)


def test_links_of_a_page_are_those_that_one_may_open() -> None:
    def offered(role: Role) -> list[str]:
        bar = shell.page("sources.title", person(role), list(shell.PAGES), [])[0]
        first, *links, last = [part["props"]["href"] for part in walk(bar) if part["type"] == "A"]
        assert (first, last) == ("/", "/me")
        # what waits is told to whom the catalogue is open
        assert ("/catalogue#requests" in links) == ("/catalogue" in links)
        return [one for one in links if one != "/catalogue#requests"]

    seen = ["/layers", "/catalogue", "/analysis", "/rules", "/routing", "/alarm-load"]
    assert offered(Role.VIEWER) == seen
    own = [*seen[:5], "/subscriptions", *seen[5:]]
    assert offered(Role.DISPATCHER) == [*own, "/sources", "/set-aside", "/quarantine"]
    assert offered(Role.ADMIN) == list(shell.PAGES)
    # /me is everybody's
    assert {*shell.PAGES, "/me"} == set(PAGES_OF)


def test_every_table_says_in_words_that_it_is_empty() -> None:
    """And why it could not be read: a key that is not there is a page that fails when nothing is there."""
    named = re.compile(r"Table(?:\[[^\n]*\])? = Table\(\s*\"(\w+)\",\s*\"(\w+)\"", re.S)
    found = [match for module in MODULES for match in named.findall(module.read_text("utf-8"))]
    assert len(found) > 8
    assert [words for _, words in found if f"{words}.none" not in texts.catalogue()] == []


def test_viewer_is_told_that_letters_are_for_others() -> None:
    tabs = layout.tabs("letters", is_admin=False, may_read=False)
    assert "for dispatchers" in words(tabs, "en")
    assert not having(tabs, id="grid-letters")


def test_kinds_of_work_are_counted_in_both_languages() -> None:
    counts = [{"what": "picture", "aside": 3, "waiting": 1}, {"what": "unheard_of", "aside": 0, "waiting": 1}]
    drawn = aside.count_views(counts)
    assert words(drawn, "en") == "4Picture3 to decide1unheard_of0 to decide"
    assert "图片" in words(drawn, "zh")


@pytest.mark.parametrize(
    "what",
    [
        "outbox",
        "monitor",
        "batch",
        "finding",
        "shelf",
        "score_alarm",
        "score_incident",
        "score_cell",
        "standing_rule",
        "orphan",
        "escalation",
        "rollup",
        "picture",
        "report",
        "reply",
    ],
)
def test_every_kind_of_work_has_words(what: str) -> None:
    assert f"aside.kind.{what}" in texts.catalogue()


def test_letter_that_is_settled_offers_nothing_to_do() -> None:
    letter = {
        "id": 1,
        "reason": "unit",
        "detail": "x",
        "topic": "a/b",
        "source": None,
        "field": None,
        "replayable": True,
        "properties": {},
        "received_at": "2026-01-01T00:00:00Z",
        "state": "discarded",
        "handled_by": "li",
        "times": 86_400,
        "first_at": "2026-01-01T00:00:00Z",
        "text": None,
        "hex": "00ff",
        "size": 2,
    }
    assert "86,400 times" in str(letters.pane(letter, is_admin=True))
    assert not having(letters.pane(letter, is_admin=True), data_key="replay")
    waiting = letters.pane({**letter, "state": "waiting"}, is_admin=True)
    assert having(waiting, data_key="replay")
    assert not having(waiting, data_key="mend")
    assert not having(letters.pane({**letter, "state": "waiting"}, is_admin=False), data_key="replay")


@pytest.mark.parametrize("reason", sorted(FINAL))
def test_letter_that_no_replay_can_help_is_not_offered_one(reason: str) -> None:
    group = {"reason": reason, "source": None, "count": 2, "first_at": "2026-01-01T00:00:00Z"}
    drawn = html.Div(letters.group_views([{**group, "last_at": "2026-01-01T00:00:00Z"}], "", is_admin=True))
    assert not having(drawn, data_key=f"replay-{reason}-None")
    assert f"letters.final.{reason}" in texts.catalogue()


def test_pages_offer_what_the_site_asks_for() -> None:
    for one in (sources, set_aside):
        assert callable(one.draw)
        assert callable(one.register)
