"""The page's words. Every text stands in ``core/i18n/page.json`` in both languages.

Both languages are rendered at once and CSS hides one (``html[data-lang]``): switching needs no callback. What is drawn
often and is large is drawn in one (`in_one`).
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from dash import html
from dash.development.base_component import Component

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, Lang] = ("zh", "en")
HTML_LANG: Mapping[Lang, str] = {"zh": "zh-CN", "en": "en"}


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """The catalogue: ``{key: {"zh": ..., "en": ...}}``. Read once per process."""
    source = files("core") / "i18n" / "page.json"
    loaded: dict[str, dict[str, str]] = json.loads(source.read_text(encoding="utf-8"))
    return loaded


def entry(key: str, **params: object) -> dict[str, str]:
    """Both languages of one text with ``{name}`` places filled; KeyError where the catalogue lacks it."""
    return {lang: catalogue()[key][lang].format(**params) for lang in LANGS}


def text(key: str, lang: Lang, **params: object) -> str:
    """One text in one language, for places that take a bare string (the log-in page, ``<title>``)."""
    return entry(key, **params)[lang]


def both(key: str, **params: object) -> list[Any]:
    """One catalogue text as two spans, one per language."""
    return pair(entry(key, **params))


def pair(words: Mapping[str, str] | None) -> list[Any]:
    """A ``{zh, en}`` object of the API as two spans; the one that is there stands in for a missing one."""
    if not words:
        return []
    fallback = words.get("zh") or words.get("en") or ""
    return [html.Span(words.get(lang) or fallback, lang=lang) for lang in LANGS]


def in_one(lang: Lang, tree: Any) -> Any:
    """`tree` with the words of `lang` alone where it says a thing in both: half the elements for what is drawn anew
    with each look, at the price of drawing it again when the language is switched. Changes components in place."""
    if isinstance(tree, (list, tuple)):
        return _chosen(lang, list(tree))
    if isinstance(tree, Component) and (children := getattr(tree, "children", None)) is not None:
        left = in_one(lang, children)
        tree.children = left[0] if isinstance(left, list) and len(left) == 1 else left
    return tree


def _chosen(lang: Lang, parts: list[Any]) -> list[Any]:
    kept: list[Any] = []
    while parts:
        if tuple(map(_said_in, parts[: len(LANGS)])) == LANGS:
            said, parts = parts[: len(LANGS)], parts[len(LANGS) :]
            kept.append(said[LANGS.index(lang)].children)
        else:
            kept.append(in_one(lang, parts.pop(0)))
    return kept


def _said_in(part: Any) -> str | None:
    """The language of one of the two spans of `pair`."""
    if not isinstance(part, html.Span) or set(_properties(part)) != {"children", "lang"}:
        return None
    told = _properties(part)
    return str(told["lang"]) if isinstance(told["children"], str) else None


def _properties(part: Any) -> dict[str, Any]:
    told: dict[str, Any] = part.to_plotly_json()["props"]
    return told


def named(key: str) -> str:
    """Both languages in one string, for accessible names that cannot hold elements."""
    words = entry(key)
    return f"{words['zh']} {words['en']}"


def reason_key(reason: str) -> str | None:
    """The text that says a reason: why something was not done, or could not be read."""
    return next((key for key in (f"error.{reason}", f"reason.{reason}") if key in catalogue()), None)


def why(reason: str, about: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What a failure is called by its reason (core/errors.py), its fields filled in; in plain words where they are not
    known. Of a reason that says little by itself, `error.….at` says what is told of the field."""
    at = f"error.{reason}.at" if set(about) != {"field"} else f"error.{reason}.field"
    key = at if about and at in catalogue() else reason_key(reason) or "error.error"
    try:
        return {lang: catalogue()[key][lang].format(**{n: w[lang] for n, w in about.items()}) for lang in LANGS}
    except KeyError:
        return entry("error.error")


def known(family: str, key: object) -> list[Any]:
    """The text ``family.key`` where the catalogue has it, else the bare key: words that grow elsewhere."""
    name = f"{family}.{key}"
    return both(name) if name in catalogue() else [str(key)] if key else []


def family(name: str) -> tuple[tuple[str, str], ...]:
    """The keys of the texts ``name.…``, each with its last part: for lists to choose from."""
    return tuple((key.removeprefix(f"{name}."), key) for key in catalogue() if key.startswith(f"{name}."))
