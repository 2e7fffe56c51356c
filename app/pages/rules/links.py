"""Where things of a trial are on the One Map page. Pure."""

from __future__ import annotations

from urllib.parse import quote

ZOOM = 16
# what the One Map page can open a card of
OPENS = ("sensor", "camera", "unit", "incident")


def link_to(lon: float, lat: float, thing: str) -> str:
    """The place, with the card of the thing (`type/id`) where it has one."""
    kind, _, name = thing.partition("/")
    card = f"&open={kind}/{quote(name, safe='')}" if kind in OPENS else ""
    return f"/?at={lon:.5f},{lat:.5f},{ZOOM}{card}"
