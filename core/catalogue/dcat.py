"""The catalogue for programs: DCAT 3 (W3C Recommendation, 22 August 2024) as JSON-LD 1.1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.catalogue.nouns import EntryObject, Kind
from core.vocabulary import Text, table

Json = dict[str, Any]
CONTEXT: Json = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "locn": "http://www.w3.org/ns/locn#",
}
# the authority tables of the EU Publications Office, which DCAT-AP 3.0 names for these two
FREQUENCY = "http://publications.europa.eu/resource/authority/frequency/"
RIGHTS = "http://publications.europa.eu/resource/authority/access-right/"
IANA = "https://www.iana.org/assignments/media-types/"
LANGUAGES = {"zh": "zh-CN", "en": "en"}


def words(said: Mapping[str, str | None]) -> list[Json]:
    return [{"@language": LANGUAGES[lang], "@value": value} for lang, value in said.items() if value]


def document(title: Text, entries: Iterable[EntryObject], base: str, distributions: Mapping[str, list[Json]]) -> Json:
    """`base`: the address that ids begin with; `distributions`: of layers, by their ids."""
    return {
        "@context": CONTEXT,
        "@id": f"{base}/catalogue",
        "@type": "dcat:Catalog",
        "dct:title": words(title),
        "dcat:dataset": [
            dataset(one, base, distributions.get(one["id"], []) if one["kind"] == Kind.LAYER else []) for one in entries
        ],
    }


def dataset(entry: EntryObject, base: str, distributions: list[Json]) -> Json:
    """What is not known is left out."""
    told: Json = {
        "@id": f"{base}/catalogue#{entry['kind']}-{entry['id']}",
        "@type": "dcat:Dataset",
        "dct:identifier": entry["code"] or f"{entry['kind']}/{entry['id']}",
        "dct:title": words(entry["title"]),
    }
    if summary := words({"zh": entry["summary_zh"], "en": entry["summary_en"]}):
        told["dct:description"] = summary
    if entry["provider"]:
        told["dct:publisher"] = {"@type": "foaf:Agent", "foaf:name": entry["provider"]}
    if entry["contact"]:
        told["dcat:contactPoint"] = {"@type": "vcard:Kind", "vcard:fn": entry["contact"]}
    if entry["cycle"]:
        told["dct:accrualPeriodicity"] = {"@id": FREQUENCY + table("update_cycles")[entry["cycle"]]["frequency"]}
    if entry["sharing"]:
        told["dct:accessRights"] = {"@id": RIGHTS + table("sharing_classes")[entry["sharing"]]["rights"]}
    if entry["terms"]:
        told["dct:rights"] = entry["terms"]
    if entry["updated_at"]:
        told["dct:modified"] = {"@type": "xsd:dateTime", "@value": entry["updated_at"]}
    if entry["category"]:
        told["dcat:theme"] = words({lang: table("catalogue_classes")[entry["category"]][lang] for lang in LANGUAGES})
    told["dcat:keyword"] = [word for item in entry["columns"] for word in words(item["title"])]
    if distributions:
        told["dcat:distribution"] = distributions
    return told


def distribution(address: str, media: str, title: str) -> Json:
    """A way to it, by its media type."""
    return {
        "@type": "dcat:Distribution",
        "dct:title": title,
        "dcat:accessURL": {"@id": address},
        "dcat:mediaType": {"@id": IANA + media.partition(";")[0]},
    }
