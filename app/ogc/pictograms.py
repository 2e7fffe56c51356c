"""Pictograms of the map as SVG files of their own, for programs of others. Each is drawn as `assets/js/map/icons.mjs`
draws it (`own`): on a plate, in a colour."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from app.index import ASSETS

ENTRY = re.compile(r"^\s+(\w+): P\('([^']*)'(?:, '([^']*)')?\)", re.MULTILINE)
# of the plate and of the drawing on it, of the 24 units of the whole
WHOLE, PLATE, SHARE = 24.0, 19.0, 0.72


class Paths(NamedTuple):
    """SVG path data on 24 x 24 units."""

    filled: str
    stroked: str


@cache
def pictograms() -> Mapping[str, Paths]:
    """What the page draws with, by name."""
    source = (ASSETS / "js" / "map" / "pictograms.mjs").read_text("utf-8")
    return {name: Paths(filled, stroked) for name, filled, stroked in ENTRY.findall(source)}


def svg(name: str, colour: str, ground: str, edge: str) -> str:
    """Colours as `#rrggbb`: of the drawing, of the plate, of its edge. A name that is none is drawn as a dot."""
    paths = pictograms().get(name) or pictograms()["dot"]
    corner, scale = (WHOLE - PLATE) / 2, PLATE * SHARE / WHOLE
    at = WHOLE / 2 * (1 - scale)
    filled = f'<path d="{paths.filled}" fill="{colour}" fill-rule="evenodd"/>' if paths.filled else ""
    stroked = (
        f'<path d="{paths.stroked}" fill="none" stroke="{colour}" stroke-width="2.2" stroke-linecap="round"/>'
        if paths.stroked
        else ""
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24">'
        f'<rect x="{corner:g}" y="{corner:g}" width="{PLATE:g}" height="{PLATE:g}" rx="{PLATE / 4:g}" '
        f'fill="{ground}" stroke="{edge}"/>'
        f'<g transform="translate({at:g} {at:g}) scale({scale:g})">{filled}{stroked}</g></svg>'
    )


def embedded(picture: str) -> str:
    """As QGIS takes a picture that stands in the file itself, in place of a path."""
    return "base64:" + base64.b64encode(picture.encode()).decode()
