"""A score in a sentence, made of its terms: every number in it is one that was counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alerts.risk.arithmetic import Band, level_of
from alerts.risk.terms import JOINED, Risk, short
from core import nouns
from core.i18n import say
from core.levels import capital, in_a_sentence
from core.readings import estimate, road_minutes
from core.vocabulary import Text, label

# by whether it was sent, and is there
HELP = ("risk.words.help", "risk.words.help.on_way", "risk.words.help.on_scene")
# of what is missing so many are named
MISSING = 2


def as_json(risk: Risk) -> nouns.Risk:
    """A score as it is stored and shown."""
    terms = [term.as_json() for term in risk.terms]
    if risk.band is None:
        return {"score": risk.score, "terms": terms}
    return {
        "score": risk.score,
        "terms": terms,
        "band": band_json(risk.band),
        "q": risk.q,
        "confidence": risk.confidence,
        "words": words_of(risk.score, terms),
    }


def words_of(score: float, terms: Sequence[nouns.Term]) -> Text:
    """Risk 8.6 (very high), where in its band and why, what is not known; of terms as their reader sees them."""
    by_name = {term["name"]: term for term in terms}
    band = capital(by_name["level"]["text"])
    return say("risk.words", band=band, score=tenths(score), word=word_of(score), why=why(by_name), missing=lack(terms))


def cell_words(score: float, faded: float, terms: Sequence[nouns.Term]) -> Text:
    """Of an area: which hazard reaches it, and how much of it is left here."""
    if not terms:
        return say("risk.words.cell.none")
    by_name = {term["name"]: term for term in terms}
    given = {
        "score": tenths(score),
        "word": word_of(score),
        "hazard": by_name["hazard"]["text"],
        "why": why(by_name),
        "missing": lack(terms),
    }
    if faded >= 1:
        return say("risk.words.cell", **given)
    return say("risk.words.cell.far", percent=round(100 * faded), **given)


def tenths(score: float) -> str:
    return short(round(score, 1))


def word_of(score: float) -> Text:
    level = level_of(score)
    return say("risk.below") if level is None else in_a_sentence(label("risk_levels", str(level)))


def why(by_name: Mapping[str, nouns.Term]) -> Text:
    said = [*people(by_name), *frail(by_name), *nearest(by_name)] or [say("risk.words.nothing")]
    signs = {"zh": "，", "en": JOINED["en"]}
    return {lang: sign.join(one[lang] for one in said) for lang, sign in signs.items()}


def figures(by_name: Mapping[str, nouns.Term], name: str) -> Mapping[str, float]:
    term = by_name.get(name)
    return {} if term is None or term["value"] is None else term.get("figures", {})


def people(by_name: Mapping[str, nouns.Term]) -> list[Text]:
    of = figures(by_name, "people")
    said = []
    if of.get("in_danger"):
        said.append(say("risk.words.danger.least" if "least" in of else "risk.words.danger", n=round(of["in_danger"])))
    if "near" in of:
        said.append(say("risk.words.near", people=estimate(of["near"])))
    return said


def frail(by_name: Mapping[str, nouns.Term]) -> list[Text]:
    total = sum(n for name, n in figures(by_name, "who").items() if name.startswith("frail_"))
    return [say("risk.words.frail", people=estimate(total))] if total else []


def nearest(by_name: Mapping[str, nouns.Term]) -> list[Text]:
    term = by_name.get("nearest_unit")
    if term is None or term["value"] is None:
        return []
    of = term.get("figures", {})
    if "unseen" in of:
        return [in_a_sentence(term["text"])]
    if "eta_s" not in of:
        return [say("risk.words.help.none")]
    minutes = road_minutes(of["eta_s"])
    return [say(HELP[round(of.get("sent", 0))], minutes=minutes), *last(by_name, minutes)]


def last(by_name: Mapping[str, nouns.Term], minutes: int) -> list[Text]:
    """What the nearest does not bring: an ambulance is near, the boat is not."""
    term = by_name.get("all_needed")
    if term is None or term["value"] is None:
        return []
    all_s = term.get("figures", {}).get("all_s")
    if all_s is None:
        return [in_a_sentence(term["text"])]
    later = road_minutes(all_s)
    return [say("risk.words.all", minutes=later)] if later > minutes else []


def lack(terms: Sequence[nouns.Term]) -> Text:
    missing = [in_a_sentence(term["text"]) for term in terms if term["value"] is None]
    if not missing:
        return {"zh": "", "en": ""}
    named = missing[:MISSING]
    return say(
        "risk.words.missing", what={lang: sign.join(one[lang] for one in named) for lang, sign in JOINED.items()}
    )


def band_json(band: Band) -> nouns.Band:
    return {"level": band.level, "low": band.low, "high": band.high}
