"""People of every role, for what is asked without a door."""

from __future__ import annotations

from typing import Any

from core.scope import Scope
from core.viewer import Permission, Role, Viewer, known_permissions
from core.vocabulary import table


def person(role: Role = Role.VIEWER, **limits: Any) -> Viewer:
    """Somebody of this role, whose scope has these limits."""
    row = table("roles")[role]
    permissions = known_permissions(row["permissions"])
    scope = Scope(**limits, city=Permission.CITY_READ in permissions)
    return Viewer("li", "Li Ming", role, permissions, {"zh": row["zh"], "en": row["en"]}, scope=scope)
