"""What was set aside, over the API: seen by dispatchers, decided on by administrators, told in health, metrics and by
the doctor."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine, text

from app.health.doctor import check_health
from core import set_aside
from core.settings import Settings
from tests.support import System, now

URL = "/api/set-aside"


@pytest.fixture
def two(db: Engine) -> Iterator[None]:
    with db.begin() as conn:
        conn.execute(text("DELETE FROM set_aside"))
        for _ in range(set_aside.TRIES):
            set_aside.note(conn, "report", "12345/a/b", ValueError("no words for this"), now())
        set_aside.note(conn, "reply", "u/t", ValueError("x"), now())
    yield
    with db.begin() as conn:
        conn.execute(text("DELETE FROM set_aside"))


def test_listed_page_by_page(two: None, served: System) -> None:
    with served.api("dispatcher") as api:
        first = api.get(URL, params={"limit": 1}).json()
        assert [(i["what"], i["id"], i["state"]) for i in first["items"]] == [("reply", "u/t", "waiting")]
        second = api.get(URL, params={"limit": 1, "cursor": first["next"]}).json()
        assert [(i["what"], i["id"], i["state"]) for i in second["items"]] == [("report", "12345/a/b", "aside")]
        assert second["next"] is None


def test_health_metrics_and_doctor_tell_of_it(two: None, served: System) -> None:
    with served.api("dispatcher") as api:
        health = api.get("/api/health").json()
        assert [(g["what"], g["waiting"], g["aside"]) for g in health["set_aside"]] == [
            ("reply", 1, 0),
            ("report", 0, 1),
        ]
        assert 'onemap_set_aside{what="report"} 1.0' in api.get("/metrics").text
    words = [f.words for f in check_health(health, Settings()) if f.wrong]
    assert any("1 x report" in w and "/set-aside" in w for w in words)


@pytest.mark.parametrize("act", ["retry", "drop"])
def test_administrator_decides_and_it_is_audited(two: None, served: System, act: str) -> None:
    body = {"what": "report", "id": "12345/a/b"}
    with served.api("dispatcher") as api:
        assert api.post(f"{URL}/{act}", json=body).status_code == 403
    with served.api("admin") as admin:
        assert admin.post(f"{URL}/{act}", json=body).json() == body
        left = {i["id"]: i["state"] for i in admin.get(URL).json()["items"]}
        assert left == {"u/t": "waiting"} | ({"12345/a/b": "waiting"} if act == "retry" else {})
    assert (
        served.one(
            f"SELECT count(*) FROM audit WHERE what = 'set_aside.{act}' AND who = 'admin' AND data->>'id' = '12345/a/b'"
        )
        == 1
    )


@pytest.mark.parametrize("body", [{"what": "x", "id": "no"}, {"what": "x"}, {"what": "x", "id": "a\x00b"}])
def test_what_is_not_there_or_no_name_is_refused(two: None, served: System, body: dict[str, str]) -> None:
    with served.api("admin") as admin:
        answer: httpx.Response = admin.post(f"{URL}/retry", json=body)
        assert answer.status_code == (404 if body.get("id") == "no" else 422)
