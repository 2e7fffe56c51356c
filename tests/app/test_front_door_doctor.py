"""The doctor on the front door: what an operator must know of its settings."""

from __future__ import annotations

from typing import Any

import pytest

from app.health.front import check_front
from core.settings import Settings

EVERYWHERE = "0.0.0.0"
SAID: list[tuple[str, dict[str, Any], str | None, bool]] = [
    ("this machine only", {}, None, False),
    ("everywhere, no name", {"http_host": EVERYWHERE}, "ONEMAP_ALLOWED_HOSTS", False),
    ("everywhere, a name", {"http_host": EVERYWHERE, "public_url": "http://map.example.org"}, None, False),
    ("everywhere, listed", {"http_host": EVERYWHERE, "allowed_hosts": "map.local"}, None, False),
    ("any name", {"allowed_hosts": "*"}, "DNS rebinding", True),
    ("any proxy", {"proxies": "*"}, "ONEMAP_PROXIES is *", True),
    ("a proxy by its name", {"proxies": "caddy"}, "ONEMAP_PROXIES", True),
    (
        "a proxy elsewhere that is not named",
        {"http_host": EVERYWHERE, "public_url": "https://map.example.org"},
        "count as one address",
        False,
    ),
    (
        "a proxy elsewhere",
        {"http_host": EVERYWHERE, "public_url": "https://map.example.org", "proxies": "172.16.0.0/12"},
        None,
        False,
    ),
    ("a proxy on this machine", {"public_url": "https://map.example.org"}, None, False),
]


@pytest.mark.parametrize(("what", "given", "words", "wrong"), SAID, ids=[one[0] for one in SAID])
def test_doctor_says_what_the_settings_mean(what: str, given: dict[str, Any], words: str | None, wrong: bool) -> None:
    found = list(check_front(Settings(**given)))
    assert [words in remark.words for remark in found] == ([True] if words else [])
    assert [remark.wrong for remark in found] == ([wrong] if words else [])
