"""JMESPath within bounds: an expression is a few hundred characters, and so must be what it costs.

Expressions are read by the jmespath library. What could grow without end is refused when the source is saved (nesting,
lists made of lists); what depends on the message is counted while it is read.

One function is ours, for what JMESPath cannot say: `lookup(keys, values, key)`, two lists beside each other, is what
stands in `values` where `key` stands in `keys`, as text or as a number; null where it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jmespath  # type: ignore[import-untyped]
from jmespath.exceptions import JMESPathError  # type: ignore[import-untyped]
from jmespath.functions import Functions, signature  # type: ignore[import-untyped]
from jmespath.visitor import Options, TreeInterpreter  # type: ignore[import-untyped]

from core.errors import DecodeError
from core.faults import unfit

MAX_DEPTH = 40
# the entries of all [a, b] and {a: b} together: each level of them may repeat what is below
MAX_MADE = 12
MAX_STEPS = 100_000
MAKERS = frozenset({"multi_select_list", "multi_select_dict"})


@lru_cache(maxsize=4096)
def compile_expression(expression: str) -> Any:
    """The syntax tree. ValueError says what is wrong with the expression, or that it could cost too much."""
    try:
        tree: dict[str, Any] = jmespath.compile(expression).parsed
    except JMESPathError as exc:
        raise unfit(
            "expression",
            "`{expression}` is no JMESPath: {told}",
            expression=expression[:60],
            told=" ".join(str(exc).split())[:200],
        ) from exc
    except RecursionError as exc:
        raise unfit("expression_deep", "`{expression}` is nested too deeply", expression=expression[:60]) from exc
    made, level, depth = 0, [tree], 0
    while level:
        depth += 1
        made += sum(len(node["children"]) for node in level if node["type"] in MAKERS)
        called = [node["value"] for node in level if node["type"] == "function_expression"]
        level = [child for node in level for child in node["children"] if isinstance(child, dict)]
        strange = next((call for call in called if call not in KNOWN), None)
        if strange is not None:
            raise unfit(
                "expression_function",
                "`{expression}`: there is no function {name}()",
                expression=expression[:60],
                name=str(strange)[:40],
            )
    if depth > MAX_DEPTH or made > MAX_MADE:
        raise unfit(
            "expression_size",
            "`{expression}`: expected at most {levels} levels, and {entries} entries in [ ] and { }",
            expression=expression[:60],
            levels=MAX_DEPTH,
            entries=MAX_MADE,
        )
    return tree


@lru_cache(maxsize=4096)
def named_in(expression: str) -> frozenset[str]:
    """The names of fields that stand in it."""
    found: set[str] = set()
    level = [compile_expression(expression)]
    while level:
        found.update(str(node["value"]) for node in level if node["type"] == "field")
        level = [child for node in level for child in node["children"] if isinstance(child, dict)]
    return frozenset(found)


class Known(Functions):  # type: ignore[misc]
    """JMESPath's functions and ours."""

    def __init__(self, spend: Callable[[int], None]) -> None:
        self._spend = spend

    @signature({"types": ["array", "null"]}, {"types": ["array", "null"]}, {"types": []})  # type: ignore[untyped-decorator]
    def _func_lookup(self, keys: list[object] | None, values: list[object] | None, key: object) -> object:
        if keys is None or values is None or key is None:
            return None
        # a projection leaves out what is null: what stood beside each other does so no more
        if len(keys) != len(values):
            raise ValueError(f"lookup() expected two lists of one length, got {len(keys)} and {len(values)}")
        self._spend(len(keys))
        wanted = spelled(key)
        return next((value for one, value in zip(keys, values, strict=True) if spelled(one) == wanted), None)


def spelled(key: object) -> object:
    """A number as text: makers write the same id either way."""
    if isinstance(key, bool) or not isinstance(key, int | float):
        return key
    return str(int(key)) if key == int(key) else str(key)


KNOWN = frozenset(Known.FUNCTION_TABLE)


class Bounded(TreeInterpreter):  # type: ignore[misc]
    """Counts its steps."""

    def __init__(self) -> None:
        super().__init__(Options(custom_functions=Known(self.spend)))
        self.steps = 0

    def spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise OverflowError

    def visit(self, node: Any, *given: Any, **named: Any) -> Any:
        self.spend(1)
        return super().visit(node, *given, **named)


def search(expression: str, body: object) -> object:
    """What it leads to, None where nothing is there. DecodeError names the expression where it cannot be read in such a
    message."""
    try:
        found: object = Bounded().visit(compile_expression(expression), body)
    except JMESPathError as exc:
        told = " ".join(str(exc).split())[:200]
        raise DecodeError(f"`{expression[:60]}` cannot be read here: {told}", reason="expression") from exc
    except (OverflowError, RecursionError, MemoryError) as exc:
        raise DecodeError(f"`{expression[:60]}` leads through too much", reason="expression") from exc
    # functions of the library that do not check what they are given
    except (TypeError, ValueError, ArithmeticError, AttributeError) as exc:
        raise DecodeError(f"`{expression[:60]}` cannot be read here: {exc}"[:300], reason="expression") from exc
    return found
