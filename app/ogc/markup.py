"""HTML put together of escaped parts."""

from __future__ import annotations

from html import escape

VOID = frozenset({"link", "meta"})


class Markup(str):
    """What is HTML already and is not escaped again."""

    __slots__ = ()


def tag(name: str, /, *parts: str, **attributes: str | None) -> Markup:
    """An element. Text is escaped; an attribute of None is left out, `class_` and `data_lang` are `class` and
    `data-lang`."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{joined(*parts)}</{name}>")


def joined(*parts: str) -> Markup:
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))
