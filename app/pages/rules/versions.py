"""What a rule was, and what each version changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html

from alerts.rules.administer import RuleVersion
from app.pages import ids
from app.pages.history import History, versions_view
from app.pages.rules.fields import FAMILY, name_of

# of a version, what may differ from the one before
PARTS = ("names", "alarm_kind", "watches", "params", "enabled")


def differs(one: RuleVersion, now: RuleVersion) -> bool:
    """Whether going back to it would change anything; armed or not is no part of that."""
    return any(one[name] != now[name] for name in PARTS if name != "enabled")  # type: ignore[literal-required]


def changed_parts(one: RuleVersion, before: RuleVersion) -> list[str]:
    """Names of what is different: parameters each by its own."""
    found: list[str] = []
    for name in PARTS:
        if one[name] == before[name] or name == "enabled":  # type: ignore[literal-required]
            continue
        if name != "params":
            found.append(name)
            continue
        mine, theirs = one["params"], before["params"]
        found += [name_of(one["kind"], key) for key in sorted({*mine, *theirs}) if mine.get(key) != theirs.get(key)]
    return found


def rule_versions(versions: Sequence[RuleVersion], *, may_change: bool) -> html.Details:
    """A version can be taken back to but for the one that stands."""
    return versions_view(History(FAMILY, changed_parts, differs, ids.take_back), versions, may_change=may_change)
