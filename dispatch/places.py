"""Where something is of which somebody only said the address."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection, text

from core.finding.addresses import Located, locate
from core.geodesy import distances_m
from core.i18n import say
from core.types import LonLat
from core.vocabulary import Text

# doors of one number that lie nearer together than this are one place, metres
ONE_PLACE_M = 300
_DISTRICTS = text("SELECT code, name_zh, name_en FROM district")


def place_said(conn: Connection, *said: str | None) -> tuple[LonLat | None, Text | None]:
    """The door that the first of these texts with a street and number names, and in words how it was found. No place
    where its number is in no register, or doors of that address lie far apart and no district is named: a wrong place
    costs more than none, and the words ask for it."""
    for words in said:
        found = locate(conn, words) if words else []
        if not found or words is None:
            continue
        first = found[0]
        if first.precision == "street":
            return None, say("incident.placed.street", street=first.street, number=first.number)
        alike = _in_named_district(conn, words, [one for one in found if one.street == first.street])
        if _far_apart(alike):
            return None, say("incident.placed.several", address=alike[0].title)
        return alike[0].where, say("incident.placed.door", address=alike[0].title)
    return None, None


def _in_named_district(conn: Connection, words: str, found: list[Located]) -> list[Located]:
    """Those in a district that the text names, where it names one."""
    if len(found) < 2:
        return found
    plain = words.casefold()
    named = {row.code for row in conn.execute(_DISTRICTS) if row.name_zh in words or row.name_en.casefold() in plain}
    return [one for one in found if one.district in named] or found


def _far_apart(found: list[Located]) -> bool:
    first, *others = [one.where for one in found]
    if not others:
        return False
    lons, lats = np.array([one.lon for one in others]), np.array([one.lat for one in others])
    return bool(distances_m(first.lon, first.lat, lons, lats).max() > ONE_PLACE_M)
