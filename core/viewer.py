"""Who asks: the person, their role, and what that role may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from core.errors import Forbidden
from core.types import UNKNOWN_DISTRICT


class Role(StrEnum):
    VIEWER = "viewer"
    DISPATCHER = "dispatcher"
    COMMANDER = "commander"
    ADMIN = "admin"


RANK = {Role.VIEWER: 0, Role.DISPATCHER: 1, Role.COMMANDER: 2, Role.ADMIN: 3}


class Classification(IntEnum):
    """How far a thing may be shown; everything is OPEN to those who are logged in until somebody says otherwise."""

    OPEN = 0
    INTERNAL = 1
    SECRET = 2


@dataclass(frozen=True, slots=True)
class Viewer:
    username: str
    name: str
    role: Role
    lang: str = "zh"
    # where the request came from, as far as this machine knows
    address: str | None = None
    # six-digit codes of the districts this person may see; None: all
    districts: frozenset[str] | None = None
    # the highest classification of things this person may see
    classification: Classification = Classification.SECRET

    @property
    def scope(self) -> tuple[frozenset[str] | None, Classification]:
        """Two people of one scope may see the same."""
        return self.districts, self.classification

    def sees_district(self, code: str | None) -> bool:
        """Whether things of this district may be seen; what has none is everybody's."""
        return self.districts is None or code is None or code == UNKNOWN_DISTRICT or code in self.districts

    def require(self, role: Role) -> None:
        """Raises Forbidden unless this person's role is `role` or a higher one."""
        if RANK[self.role] < RANK[role]:
            raise Forbidden(f"this needs the role {role}; you are logged in as {self.role}")
