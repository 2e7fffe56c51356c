"""A SenML pack in CBOR or XML as the JSON that it stands for, so that there is one reading of it."""

from __future__ import annotations

import base64
import json
import math
from decimal import Decimal

import cbor2
from lxml import etree

from core.errors import DecodeError
from ingest.decoders.base import check_finite, invalid

XML_NS = "urn:ietf:params:xml:ns:senml"
# RFC 8428 section 6: a pack is a CBOR array
CBOR_LIST = range(0x80, 0xA0)
# section 6, table 4
NAMES = ("bs", "bv", "bu", "bt", "bn", "bver", "n", "u", "v", "vs", "vb", "s", "t", "ut", "vd")
LABELS = dict(zip(range(-6, 9), NAMES, strict=True))
# a pack, its records, and what a value of a field of others may hold
CBOR_DEPTH = 8
FIELDS = dict.fromkeys(("bt", "bv", "bs", "bver", "v", "s", "t", "ut"), "number") | {"vb": "vb"}
Value = str | int | float | bool


def is_cbor(payload: bytes) -> bool:
    return bool(payload) and payload[0] in CBOR_LIST


def cbor_as_json(payload: bytes) -> bytes:
    try:
        pack = cbor2.loads(payload, max_depth=CBOR_DEPTH, allow_duplicate_keys=False)
    # what stands in it as a date, a large number or a regular expression is made before we see it
    except (cbor2.CBORError, ArithmeticError, ValueError, TypeError, RecursionError) as exc:
        message = f"payload: expected SenML in CBOR: {str(exc)[:200]}"
        raise DecodeError(message, reason="not_senml", field="payload") from exc
    if not isinstance(pack, list) or not all(isinstance(record, dict) for record in pack):
        message = "payload: expected SenML in CBOR: an array of maps (RFC 8428 section 6)"
        raise DecodeError(message, reason="not_senml", field="payload")
    return json.dumps([dict(_read_field(label, value) for label, value in record.items()) for record in pack]).encode()


def _read_field(label: object, value: object) -> tuple[str, Value | None]:
    """A field by its name; what a field that we do not know holds is left out."""
    name = label if isinstance(label, str) else LABELS.get(label, "") if type(label) is int else ""
    if name not in NAMES:
        return name or "unknown", None
    if isinstance(value, bytes) and name == "vd":
        return name, base64.urlsafe_b64encode(value).rstrip(b"=").decode()
    if isinstance(value, str | bool):
        return name, value
    if isinstance(value, int | float | Decimal):  # section 6: a decimal fraction, tag 4
        return name, check_finite(_as_float(value), name)
    raise invalid(name, f"expected a number, a text or a boolean, got {type(value).__name__}")


def _as_float(value: float | Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def xml_as_json(payload: bytes) -> bytes:
    """DTDs and entities are refused."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=True)
    try:
        root = etree.fromstring(payload, parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        raise DecodeError(f"payload: expected SenML in XML: {exc}", reason="not_senml", field="payload") from exc
    if root.getroottree().docinfo.doctype or root.tag != f"{{{XML_NS}}}sensml":
        message = f"payload: expected the element sensml of {XML_NS}, without a document type"
        raise DecodeError(message, reason="not_senml", field="payload")
    records = root.iterchildren(f"{{{XML_NS}}}senml")
    pack = [{str(k): _read_attribute(str(k), str(v)) for k, v in node.items()} for node in records]
    return json.dumps(pack).encode()


def _read_attribute(label: str, text: str) -> Value:
    kind = FIELDS.get(label)
    if kind == "vb" and text in ("true", "false", "1", "0"):
        return text in ("true", "1")
    if kind != "number":
        return text
    try:
        return check_finite(float(text), label)
    except ValueError as exc:
        raise invalid(label, f"expected a number, got {text[:40]!r}") from exc
