"""The tree of routes: which nodes an alarm comes to, and in which group of them it is told. Pure."""

from __future__ import annotations

from alerts.labels import Labels, match, values_of
from alerts.stages.base import RouteRow


def walk(root: RouteRow, labels: Labels) -> tuple[RouteRow, ...]:
    """The nodes that an alarm with these labels comes to: the deepest that take it, the first of its siblings unless
    that one goes on."""
    if not match(root.matchers, labels):
        return ()
    found: list[RouteRow] = []
    for child in root.children:
        below = walk(child, labels)
        found += below
        if below and not child.goes_on:
            break
    return tuple(found) or (root,)


def group_of(route: RouteRow, labels: Labels) -> str:
    """The group of a route in which an alarm is told: those with the same values of its labels."""
    return values_of(labels, route.group_by)


def named(root: RouteRow) -> frozenset[str]:
    """Every receiver that some route of the tree names."""
    return frozenset(root.receivers).union(*(named(child) for child in root.children))
