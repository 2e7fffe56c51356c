"""All that is wrong with a CAP 1.2 message: its form (section 3.4) and the rules beyond the schema (sections 3.2 and
3.3), each as one of the table `cap_rules`. Nothing is ever taken from entities or DTDs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import shapely
from lxml import etree
from shapely.validation import explain_validity
from typing_extensions import TypedDict

from core.cap import MARKUP, NS
from core.texts import visible
from core.vocabulary import Text, table

SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
MOST_BYTES = 5_000_000
HEADLINE, POINTS, SHOWN = 160, 100, 80
ANY = 1 << 30
# of each element its children in order, how often each must and may stand there
CHILDREN: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "alert": {
        "identifier": (1, 1), "sender": (1, 1), "sent": (1, 1), "status": (1, 1), "msgType": (1, 1), "source": (0, 1),
        "scope": (1, 1), "restriction": (0, 1), "addresses": (0, 1), "code": (0, ANY), "note": (0, 1),
        "references": (0, 1), "incidents": (0, 1), "info": (0, ANY),
    },
    "info": {
        "language": (0, 1), "category": (1, ANY), "event": (1, 1), "responseType": (0, ANY), "urgency": (1, 1),
        "severity": (1, 1), "certainty": (1, 1), "audience": (0, 1), "eventCode": (0, ANY), "effective": (0, 1),
        "onset": (0, 1), "expires": (0, 1), "senderName": (0, 1), "headline": (0, 1), "description": (0, 1),
        "instruction": (0, 1), "web": (0, 1), "contact": (0, 1), "parameter": (0, ANY), "resource": (0, ANY),
        "area": (0, ANY),
    },
    "resource": {
        "resourceDesc": (1, 1), "mimeType": (1, 1), "size": (0, 1), "uri": (0, 1), "derefUri": (0, 1), "digest": (0, 1),
    },
    "area": {
        "areaDesc": (1, 1), "polygon": (0, ANY), "circle": (0, ANY), "geocode": (0, ANY), "altitude": (0, 1),
        "ceiling": (0, 1),
    },
    "eventCode": {"valueName": (1, 1), "value": (1, 1)},
    "parameter": {"valueName": (1, 1), "value": (1, 1)},
    "geocode": {"valueName": (1, 1), "value": (1, 1)},
}  # fmt: skip
VALUES: Mapping[str, str] = {
    "status": "Actual Exercise System Test Draft",
    "msgType": "Alert Update Cancel Ack Error",
    "scope": "Public Restricted Private",
    "category": "Geo Met Safety Security Rescue Fire Health Env Transport Infra CBRNE Other",
    "responseType": "Shelter Evacuate Prepare Execute Avoid Monitor Assess AllClear None",
    "urgency": "Immediate Expected Future Past Unknown",
    "severity": "Extreme Severe Moderate Minor Unknown",
    "certainty": "Observed Likely Possible Unlikely Unknown",
}
TIMES = ("sent", "effective", "onset", "expires")
NUMBERS = ("size", "altitude", "ceiling")
# what people read: markup in it would be read aloud
READ = ("headline", "description", "instruction", "event", "areaDesc", "senderName", "contact", "audience")
# may stand there without saying anything
MAY_BE_EMPTY = ("value", "note", "incidents")
# what one event has in common in all its languages
SAME = ("category", "urgency", "severity", "certainty", "effective", "onset", "expires")
CHINA = "GB/T 2260"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")
_SIGNS = re.compile(r"[\s,<&]")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_MIME = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(\s*;.*)?")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


class Found(TypedDict):
    """One thing that is wrong: `rule` of `cap_rules` with its `grade` (error, warning) and `clause`; `path` of the
    element, its `line`, and what is wrong in words."""

    rule: str
    grade: str
    clause: str
    path: str
    line: int
    words: Text


class Pair(NamedTuple):
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Moments:
    """When it was sent, and when it counts from."""

    sent: datetime | None
    effective: datetime | None


def has_errors(found: Sequence[Found]) -> bool:
    return any(one["grade"] == "error" for one in found)


def check(body: bytes) -> list[Found]:
    """All that is wrong with a message, in the order of its lines."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=True,
                             remove_comments=True)  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        return [_found("xml", "/", getattr(exc, "lineno", None) or 1, value=shown(str(exc)))]
    if root.getroottree().docinfo.doctype:
        return [_found("doctype", "/", 1)]
    if root.tag != f"{{{NS}}}alert":
        return [_found("root", "/", root.sourceline or 1, expected=f"alert ({NS})", value=shown(root.tag))]
    return sorted([*_form(root, "alert"), *_alert(root)], key=lambda one: one["line"])


def shown(words: str) -> str:
    return visible(words if len(words) <= SHOWN else f"{words[: SHOWN - 1]}…")


def _found(rule: str, path: str, line: int, **about: object) -> Found:
    row = table("cap_rules")[rule]
    words = {lang: row[lang].format(**about) for lang in ("zh", "en")}
    return {"rule": rule, "grade": row["grade"], "clause": row["clause"], "path": path, "line": line, "words": words}


def _of(rule: str, node: etree._Element, **about: object) -> Found:
    return _found(rule, path_of(node), node.sourceline or 1, **about)


def path_of(node: etree._Element) -> str:
    """alert/info[2]/area: with its number where several stand there."""
    parts: list[str] = []
    at: etree._Element | None = node
    while at is not None:
        above = at.getparent()
        alike = [] if above is None else [one for one in above if one.tag == at.tag]
        number = f"[{alike.index(at) + 1}]" if len(alike) > 1 else ""
        parts.append(f"{name_of(at)}{number}")
        at = above
    return "/".join(reversed(parts))


def name_of(node: etree._Element) -> str:
    return str(node.tag).removeprefix(f"{{{NS}}}")


# --- form -------------------------------------------------------------------------------------------------------------


def _form(node: etree._Element, name: str) -> Iterator[Found]:
    """Which elements stand in it, in which order, and what is in each."""
    wanted = CHILDREN[name]
    order = list(wanted)
    here: list[etree._Element] = []
    for child in node:
        if isinstance(child.tag, str) and child.tag.startswith(f"{{{SIGNATURE}}}") and name == "alert":
            continue
        if not isinstance(child.tag, str) or not child.tag.startswith(f"{{{NS}}}") or name_of(child) not in wanted:
            yield _of("unknown", child, value=shown(str(child.tag).removeprefix(f"{{{NS}}}")))
            continue
        here.append(child)
    for before, after in pairwise(here):
        if order.index(name_of(before)) > order.index(name_of(after)):
            yield _of("order", after, value=name_of(after), expected=name_of(before))
    for one, (least, most) in wanted.items():
        found = [child for child in here if name_of(child) == one]
        if len(found) < least:
            yield _of("missing", node, value=one)
        for child in found[most:]:
            yield _of("too_often", child, value=one)
    for child in here:
        if name_of(child) in CHILDREN:
            yield from _form(child, name_of(child))
        else:
            yield from _leaf(child)


def _leaf(node: etree._Element) -> Iterator[Found]:
    name, value = name_of(node), text_of(node)
    for child in node:
        yield _of("unknown", child, value=shown(str(child.tag).removeprefix(f"{{{NS}}}")))
    if not value:
        if name not in MAY_BE_EMPTY:
            yield _of("empty", node)
        return
    if name in VALUES and value not in VALUES[name].split():
        yield _of("value", node, value=shown(value), expected=VALUES[name].replace(" ", ", "))
    if name in TIMES and time_of(node) is None:
        yield _of("time", node, value=shown(value))
    if name in NUMBERS and not _NUMBER.fullmatch(value):
        yield _of("number", node, value=shown(value))
    if name in READ and (markup := MARKUP.search(value)):
        yield _of("markup", node, value=shown(markup.group()))


def text_of(node: etree._Element | None) -> str:
    return "" if node is None else (node.text or "").strip()


def time_of(node: etree._Element | None) -> datetime | None:
    value = text_of(node)
    if not _TIME.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _child(node: etree._Element, name: str) -> etree._Element | None:
    return node.find(f"{{{NS}}}{name}")


def _children(node: etree._Element, name: str) -> list[etree._Element]:
    return list(node.findall(f"{{{NS}}}{name}"))


# --- rules ------------------------------------------------------------------------------------------------------------


def _alert(root: etree._Element) -> Iterator[Found]:
    for name in ("identifier", "sender"):
        node = _child(root, name)
        if node is not None and _SIGNS.search(text_of(node)):
            yield _of("name_signs", node, value=shown(text_of(node)))
    scope, kind = text_of(_child(root, "scope")), text_of(_child(root, "msgType"))
    restriction = _child(root, "restriction")
    if scope == "Restricted" and not text_of(restriction):
        yield _of("restriction_missing", root)
    if restriction is not None and scope != "Restricted":
        yield _of("restriction_extra", restriction)
    if scope == "Private" and not text_of(_child(root, "addresses")):
        yield _of("addresses_missing", root)
    note = text_of(_child(root, "note"))
    for name, value in (("status", "Exercise"), ("msgType", "Error")):
        node = _child(root, name)
        if node is not None and text_of(node) == value and not note:
            yield _of("note_missing", node, value=value)
    yield from _references(root, kind)
    infos = _children(root, "info")
    if not infos and kind in ("Alert", "Update"):
        yield _of("info_missing", root, value=kind)
    sent = time_of(_child(root, "sent"))
    for info in infos:
        yield from _info(info, Moments(sent, time_of(_child(info, "effective"))), kind)
    yield from _languages(infos)


def _references(root: etree._Element, kind: str) -> Iterator[Found]:
    node = _child(root, "references")
    named = text_of(node).split()
    if kind in ("Update", "Cancel", "Ack", "Error") and not named:
        yield _of("references_missing", root, value=kind)
    if node is None:
        return
    sent = time_of(_child(root, "sent"))
    own = (text_of(_child(root, "sender")), text_of(_child(root, "identifier")))
    for one in named:
        parts = one.split(",")
        if len(parts) != 3 or not all(parts) or not _TIME.fullmatch(parts[2]):
            yield _of("references_form", node, value=shown(one))
            continue
        if (parts[0], parts[1]) == own:
            yield _of("references_itself", node)
        try:
            before = datetime.fromisoformat(parts[2])
        except ValueError:
            yield _of("references_form", node, value=shown(one))
            continue
        if sent is not None and before > sent:
            yield _of("references_later", node, value=shown(one))


def _info(info: etree._Element, moments: Moments, kind: str) -> Iterator[Found]:
    language, headline, expires = (_child(info, name) for name in ("language", "headline", "expires"))
    if language is not None and text_of(language) and not _LANGUAGE.fullmatch(text_of(language)):
        yield _of("language", language, value=shown(text_of(language)))
    if headline is None:
        yield _of("headline_missing", info)
    elif len(text_of(headline)) > HEADLINE:
        yield _of("headline_long", headline, expected=HEADLINE)
    if expires is None:
        yield _of("expires_missing", info)
    elif (ends := time_of(expires)) is not None:
        begins = [
            (moment, name) for moment, name in ((moments.sent, "sent"), (moments.effective, "effective")) if moment
        ]
        late = [name for moment, name in begins if ends <= moment]
        if late:
            yield _of("expired", expires, expected=late[0])
    urgency = _child(info, "urgency")
    if kind == "Cancel" and urgency is not None and text_of(urgency) not in ("Past", "Unknown"):
        yield _of("cancel_urgent", urgency, value=shown(text_of(urgency)))
    areas = _children(info, "area")
    if not areas:
        yield _of("area_missing", info)
    for area in areas:
        yield from _area(area)
    for resource in _children(info, "resource"):
        yield from _resource(resource)


def _languages(infos: Sequence[etree._Element]) -> Iterator[Found]:
    """What the info blocks of one event say in one language, those in another say too. Two of one language are two
    events or two places."""
    spoken = [text_of(_child(info, "language")) or "en-US" for info in infos]
    if len(infos) < 2 or len(set(spoken)) != len(spoken):
        return
    for info in infos[1:]:
        for name in SAME:
            first, other = ([text_of(one) for one in _children(of, name)] for of in (infos[0], info))
            if first != other:
                yield _of("language_differs", info, value=name)


def _area(area: etree._Element) -> Iterator[Found]:
    shapes = [*_children(area, "polygon"), *_children(area, "circle"), *_children(area, "geocode")]
    if not shapes:
        yield _of("area_nowhere", area)
    for polygon in _children(area, "polygon"):
        yield from _polygon(polygon)
    for circle in _children(area, "circle"):
        yield from _circle(circle)
    for code in _children(area, "geocode"):
        value = text_of(_child(code, "value"))
        if text_of(_child(code, "valueName")) == CHINA and not re.fullmatch(r"\d{6}(\d{6})?", value):
            yield _of("geocode_china", code, value=shown(value))
    ceiling = _child(area, "ceiling")
    if ceiling is not None and _child(area, "altitude") is None:
        yield _of("ceiling", ceiling)


def pair_of(words: str) -> Pair | None:
    """`lat,lon`."""
    parts = words.split(",")
    if len(parts) != 2 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    return Pair(float(parts[0]), float(parts[1]))


def _on_globe(pair: Pair) -> bool:
    return -90 <= pair.lat <= 90 and -180 <= pair.lon <= 180


def _polygon(node: etree._Element) -> Iterator[Found]:
    words = text_of(node).split()
    pairs = [pair_of(one) for one in words]
    if not words:
        return
    if None in pairs:
        yield _of("polygon_form", node, value=shown(words[pairs.index(None)]))
        return
    ring = [pair for pair in pairs if pair is not None]
    away = next((pair for pair in ring if not _on_globe(pair)), None)
    if away is not None:
        yield _of("polygon_range", node, value=f"{away.lat:g},{away.lon:g}")
        return
    closed = ring[0] == ring[-1]
    if not closed:
        yield _of("polygon_open", node)
    if len(ring) < 4:
        yield _of("polygon_few", node, value=len(ring))
    elif closed:
        shape = shapely.Polygon([(pair.lon, pair.lat) for pair in ring])
        if not shape.is_valid:
            yield _of("polygon_crossed", node, value=explain_validity(shape))
    if len(ring) > POINTS:
        yield _of("polygon_long", node, value=len(ring), expected=POINTS)


def _circle(node: etree._Element) -> Iterator[Found]:
    parts = text_of(node).split()
    if not parts:
        return
    centre = pair_of(parts[0])
    if len(parts) != 2 or centre is None or not _NUMBER.fullmatch(parts[1]) or float(parts[1]) < 0:
        yield _of("circle_form", node, value=shown(text_of(node)))
    elif not _on_globe(centre):
        yield _of("polygon_range", node, value=f"{centre.lat:g},{centre.lon:g}")


def _resource(node: etree._Element) -> Iterator[Found]:
    kind, digest, size = (_child(node, name) for name in ("mimeType", "digest", "size"))
    if kind is not None and text_of(kind) and not _MIME.fullmatch(text_of(kind)):
        yield _of("mime", kind, value=shown(text_of(kind)))
    well_formed = re.fullmatch(r"[0-9A-Fa-f]{40}", text_of(digest))
    if digest is not None and text_of(digest) and not well_formed:
        yield _of("digest", digest, value=shown(text_of(digest)))
    inside = _child(node, "derefUri")
    if inside is None:
        return
    try:
        content = base64.b64decode("".join(text_of(inside).split()), validate=True)
    except (binascii.Error, ValueError):
        return
    if well_formed and hashlib.sha1(content, usedforsecurity=False).hexdigest() != text_of(digest).lower():
        yield _of("digest_differs", node)
    if size is not None and text_of(size).isdigit() and int(text_of(size)) != len(content):
        yield _of("size_differs", size, value=text_of(size), expected=len(content))
