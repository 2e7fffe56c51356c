"""Who asks: the person, their role, and what that role may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.errors import Forbidden


class Role(StrEnum):
    VIEWER = "viewer"
    DISPATCHER = "dispatcher"
    COMMANDER = "commander"
    ADMIN = "admin"


RANK = {Role.VIEWER: 0, Role.DISPATCHER: 1, Role.COMMANDER: 2, Role.ADMIN: 3}


@dataclass(frozen=True, slots=True)
class Viewer:
    username: str
    name: str
    role: Role
    lang: str = "zh"
    # where the request came from, as far as this machine knows
    address: str | None = None

    def require(self, role: Role) -> None:
        """Raises Forbidden unless this person's role is `role` or a higher one."""
        if RANK[self.role] < RANK[role]:
            raise Forbidden(f"this needs the role {role}; you are logged in as {self.role}")
