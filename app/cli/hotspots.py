"""The verb `hotspots`: where incidents are to be expected, as a layer of the city's own that says its age and how often
it was right."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from alerts.expected import Surface, expect
from app.cli.context import shell_user, transaction
from app.hotspots import LAYER
from core.clock import rfc3339, utc_now
from core.exposure import city_zone
from core.i18n import say
from core.vocabulary import Text


def add_verbs(verbs: Any) -> None:
    hotspots = verbs.add_parser("hotspots", help="where incidents are to be expected, as a layer")
    acts = hotspots.add_subparsers(dest="act", required=True, metavar="ACT")
    make = acts.add_parser("make", help="forecast the next 30 days; made again, the layer is renewed")
    make.add_argument("--kinds", default="", help="only incidents of these kinds, comma separated (default: all)")
    make.add_argument("--layer", default=LAYER, help=f"the layer's id (default: {LAYER})")
    make.add_argument("--json", action="store_true", help="figures as JSON")
    make.set_defaults(run=make_layer)


def make_layer(options: argparse.Namespace) -> int:
    kinds = tuple(one.strip() for one in options.kinds.split(",") if one.strip())
    now = utc_now()
    with transaction() as conn:
        zone = ZoneInfo(city_zone(conn))
        surface = expect(conn, now, kinds)
    put(surface, options.layer, title_of(surface, zone))
    figures = figures_of(surface)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        print(f"{options.layer}: {title_of(surface, zone)['en']}")
        print(", ".join(f"{name} {value}" for name, value in figures.items()))
    return 0


def title_of(surface: Surface, zone: ZoneInfo) -> Text:
    """What the layer is called: its age and its hit rate stand in the name, so that nobody sees it without them."""
    made = surface.made_at.astimezone(zone)
    fields = {
        "day": {"zh": f"{made.month}月{made.day}日", "en": f"{made.day} {made:%b}"},
        "hits": "?" if surface.hit_share is None else f"{100 * surface.hit_share:.0f}",
        "area": f"{100 * surface.area_share:.1f}",
    }
    return say("hotspots.title" if surface.hit_share is not None else "hotspots.title.untried", **fields)


def figures_of(surface: Surface) -> dict[str, Any]:
    return {
        "made_at": rfc3339(surface.made_at),
        "incidents": surface.incidents,
        "since": rfc3339(surface.since),
        "horizon_days": surface.horizon.days,
        "cells": len(surface.cells),
        "area_share": round(surface.area_share, 4),
        "hit_share": None if surface.hit_share is None else round(surface.hit_share, 4),
        "pai": None if surface.pai is None else round(surface.pai, 2),
    }


def put(surface: Surface, layer: str, title: Text) -> None:
    """As any file is brought in: what is no longer among the cells goes."""
    from app.files.incoming import run_import  # what reads files of all kinds is loaded where it is needed
    from app.files.nouns import ImportIn

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{layer}.geojson"
        path.write_text(json.dumps(collection(surface)), "utf-8")
        given = ImportIn(
            name=path.name, layer=layer, title=title["zh"], title_en=title["en"], key="cell", remove_gone=True
        )
        run_import(transaction, path, given, shell_user(), "load", told=lambda done, whole: None)


def collection(surface: Surface) -> dict[str, Any]:
    """GeoJSON of the cells: rank, how many incidents are expected there, when it was made and how it did."""
    features = []
    for cell in surface.cells:
        ring = [
            [cell.west, cell.south],
            [cell.east, cell.south],
            [cell.east, cell.north],
            [cell.west, cell.north],
            [cell.west, cell.south],
        ]
        properties = {
            "cell": cell.key,
            "rank": cell.rank,
            "expected": round(cell.expected, 3),
            "made_at": rfc3339(surface.made_at),
            "days": surface.horizon.days,
            "hit_share": None if surface.hit_share is None else round(surface.hit_share, 3),
        }
        features.append(
            {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        )
    return {"type": "FeatureCollection", "features": features}
