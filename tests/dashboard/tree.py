"""Reading component trees in tests: what a reader of the page would see, without a browser."""

from collections.abc import Iterator
from typing import Any


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every component of a tree as ``{"type", "props"}``, depth first."""
    if isinstance(node, list | tuple):
        for child in node:
            yield from walk(child)
    elif hasattr(node, "to_plotly_json"):
        described = node.to_plotly_json()
        yield described
        for prop in ("children", "label"):
            yield from walk(described["props"].get(prop))


def words(node: Any, lang: str) -> str:
    """The text in one language, as CSS would leave it."""
    return "".join(_words(node, lang))


def _words(node: Any, lang: str) -> Iterator[str]:
    if isinstance(node, str | int | float):
        yield str(node)
    elif isinstance(node, list | tuple):
        for child in node:
            yield from _words(child, lang)
    elif hasattr(node, "to_plotly_json"):
        props = node.to_plotly_json()["props"]
        if props.get("lang") in (None, lang):
            yield from _words(props.get("children"), lang)


def having(node: Any, **wanted: Any) -> list[dict[str, Any]]:
    """Props of the components that have all the given props (``data_url`` stands for ``data-url``)."""
    plain = {
        name.replace("_", "-") if name.startswith(("data_", "aria_")) else name: value for name, value in wanted.items()
    }
    return [
        part["props"] for part in walk(node) if all(part["props"].get(name) == value for name, value in plain.items())
    ]
