"""An incident that a call taker opens by an address alone."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support import System


def test_a_call_taker_may_give_an_address_instead_of_a_position(served: System) -> None:
    with served.api("dispatcher") as client:
        [door] = served.rows(
            "SELECT street_zh, number FROM address GROUP BY street_zh, number HAVING count(*) = 1 "
            "ORDER BY street_zh, number LIMIT 1"
        )
        body: dict[str, Any] = {"kind": "flooding", "level": 3, "title": "积水"}
        made = ask(client, **body, address="没有这样的路5号")
        assert (made.status_code, made.json()["reason"], made.json()["field"]) == (422, "address_not_placed", "address")
        assert ask(client, **body).json()["field"] == "lon"
        assert ask(client, **body, address="x", lon=119.0).json()["field"] == "lat"
        made = ask(client, **body, address=f"{door['street_zh']}{door['number']}号")
        assert made.status_code == 201, made.text
        assert made.json()["lon"] is not None
        client.post(f"/api/incidents/{made.json()['id']}/status", json={"status": "cancelled", "version": 1})


def ask(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post("/api/incidents", json=body)
