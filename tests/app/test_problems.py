"""What HTTP says of an error of the database: a lost race is no lost database. And whoever waits for a connection holds
up nobody that has one."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from pydantic import Field
from sqlalchemy import Engine, text

from app import problems
from app.dashboard import texts
from app.deps import TURNS, Conn, Parts
from core.clock import utc_now
from core.errors import Conflict, Forbidden
from core.given import Given
from core.settings import Settings
from core.viewer import Permission, Role
from tests.core.test_transact import fail
from tests.people import person
from tests.support import Administer


class Asked(Given):
    receivers: list[str] = Field(min_length=1)
    level: int = Field(le=4)


WAITERS = 60  # more than there are threads


def app_on(engine: Engine) -> FastAPI:
    app = FastAPI()
    nothing = cast(Any, None)
    app.state.parts = Parts(Settings(), engine, nothing, nothing, nothing, utc_now())
    problems.install(app, lambda request, exc: None)
    return app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://onemap", timeout=60)


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [
        ("40P01", 409, "lost_race"),
        ("40001", 409, "lost_race"),
        ("57014", 503, "database_busy"),
        ("57P01", 503, "database_away"),
        ("22012", 500, "database_error"),
    ],
)
def test_errors_of_the_database_are_told_apart(state: str, status: int, reason: str, fresh_engine: Engine) -> None:
    app = app_on(fresh_engine)

    @app.post("/act")
    def act(conn: Conn) -> None:
        fail(conn, state)

    async def ask() -> httpx.Response:
        async with client_of(app) as client:
            return await client.post("/act")

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.headers["content-type"] == problems.MEDIA_TYPE


@pytest.mark.parametrize("reason", ["lost_race", "database_busy", "database_away"])
def test_they_have_words_in_both_languages(reason: str) -> None:
    assert set(texts.catalogue()[f"error.{reason}"]) == {"zh", "en"}


def test_those_who_wait_do_not_hold_up_the_one_they_wait_for(fresh_engine: Engine, administer: Administer) -> None:
    """The one with the lock needs a thread to end; those that wait for it must not have them all."""
    app = app_on(fresh_engine)
    assert WAITERS > TURNS
    with administer(fresh_engine) as conn:
        conn.execute(text("CREATE TABLE place (id int PRIMARY KEY, n int)"))
        conn.execute(text("GRANT ALL ON place TO PUBLIC"))
        conn.execute(text("INSERT INTO place VALUES (1, 0)"))

    @app.post("/act")
    def act(conn: Conn) -> dict[str, int]:
        conn.execute(text("UPDATE place SET n = n + 1 WHERE id = 1"))
        return {"n": conn.execute(text("SELECT n FROM place")).scalar_one()}

    async def ask() -> list[httpx.Response]:
        async with client_of(app) as client:
            return await asyncio.gather(*(client.post("/act") for _ in range(WAITERS)))

    answers = asyncio.run(ask())
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["n"] for answer in answers) == list(range(1, WAITERS + 1))


BUSY = {"unit": {"zh": "一号车", "en": "Car 1"}, "status": {"zh": "途中", "en": "en route"}}
SAID = [
    ("the language of the page's address", "/act?lang=en", "zh-CN", "Car 1 is en route; it cannot be dispatched", "en"),
    ("the language of the browser", "/act", "en-GB,en;q=0.9", "Car 1 is en route; it cannot be dispatched", "en"),
    ("Chinese", "/act", "zh-CN", "一号车途中，不能调派", "zh-CN"),
]


@pytest.mark.parametrize(("url", "accepts", "message", "lang"), [one[1:] for one in SAID], ids=[one[0] for one in SAID])
def test_why_is_said_in_the_language_asked_for_and_the_detail_stays(
    url: str, accepts: str, message: str, lang: str, fresh_engine: Engine
) -> None:
    app = app_on(fresh_engine)

    @app.post("/act")
    def act() -> None:
        raise Conflict("unit: u1 is en_route, not available", reason="unit_busy", field="unit", about=BUSY)

    async def ask() -> httpx.Response:
        async with client_of(app) as client:
            return await client.post(url, headers={"Accept-Language": accepts})

    answer = asyncio.run(ask())
    told = answer.json()
    assert (told["message"], answer.headers["content-language"]) == (message, lang)
    assert (told["detail"], told["reason"]) == ("unit: u1 is en_route, not available", "unit_busy")
    assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize(
    ("lang", "message", "second"),
    [
        ("zh-CN", "receivers：至少 1 项，现有 0 项", "level：不得大于 4"),
        ("en", "receivers: entries needed: 1 or more, given: 0", "level: this must be at most 4"),
    ],
)
def test_field_at_fault_is_named_with_what_is_expected(
    lang: str, message: str, second: str, fresh_engine: Engine
) -> None:
    app = app_on(fresh_engine)

    @app.post("/act")
    def act(body: Asked) -> None: ...

    async def ask() -> httpx.Response:
        async with client_of(app) as client:
            return await client.post("/act", json={"receivers": [], "level": 7}, headers={"Accept-Language": lang})

    told = asyncio.run(ask()).json()
    assert told["message"] == message
    assert told["detail"] == "receivers: List should have at least 1 item after validation, not 0"
    assert second.endswith(told["errors"][1]["why"][lang[:2]])


def test_a_reason_whose_fields_are_not_known_is_said_in_plain_words() -> None:
    assert texts.why("unit_busy", {}) == texts.entry("error.error")
    assert texts.why("teapot", {}) == texts.entry("error.error")


def test_who_may_not_is_told_which_role_may() -> None:
    with pytest.raises(Forbidden) as caught:
        person(Role.VIEWER).require(Permission.UNIT_ASSIGN)
    assert texts.why(caught.value.reason, caught.value.about)["zh"] == "需要调度员权限，您是观察员"
