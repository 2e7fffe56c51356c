"""Who asks: the person, what their role lets them do, and how far they see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from core.errors import Forbidden
from core.levels import in_a_sentence
from core.scope import EVERYTHING, Classification, Scope
from core.vocabulary import Text, label, table


class Permission(StrEnum):
    """What a role may let do: a noun and a verb. What of the city is read is the scope's to say."""

    # the picture of the city; who has it not sees the units of their scope and nothing else
    CITY_READ = "city.read"
    # how sources and processes do, for people and Prometheus
    METRICS_READ = "metrics.read"
    ALARM_ACKNOWLEDGE = "alarm.acknowledge"
    ALARM_SHELVE = "alarm.shelve"
    # open, change, end
    INCIDENT_EDIT = "incident.edit"
    INCIDENT_LEVEL = "incident.level"
    UNIT_ASSIGN = "unit.assign"
    # say what state a unit is in
    UNIT_REPORT = "unit.report"
    LAYER_EDIT = "layer.edit"
    # what the resource catalogue says of layers and sources, and who is given what
    CATALOGUE_EDIT = "catalogue.edit"
    # whether the public is shown anything at all
    CATALOGUE_OPEN = "catalogue.open"
    SENSOR_MANAGE = "sensor.manage"
    # sources with what comes through them, and what has spoken and nobody has registered
    SOURCE_READ = "source.read"
    SOURCE_MANAGE = "source.manage"
    RULE_MANAGE = "rule.manage"
    # have oneself told of alarms
    SUBSCRIPTION_OWN = "subscription.own"
    # say who else is told, and how
    SUBSCRIPTION_MANAGE = "subscription.manage"
    DEVICE_MANAGE = "device.manage"
    LETTER_READ = "letter.read"
    LETTER_DECIDE = "letter.decide"
    ASIDE_READ = "aside.read"
    ASIDE_DECIDE = "aside.decide"
    QUARANTINE_READ = "quarantine.read"
    QUARANTINE_LIFT = "quarantine.lift"
    PERSON_MANAGE = "person.manage"
    AUDIT_READ = "audit.read"


class Role(StrEnum):
    """The roles there are from the first day (core/data/roles.json); a city adds its own."""

    VIEWER = "viewer"
    DISPATCHER = "dispatcher"
    COMMANDER = "commander"
    GIS_OFFICER = "gis_officer"
    DEPARTMENT_OFFICER = "department_officer"
    UNIT = "unit"
    ADMIN = "admin"
    AUDITOR = "auditor"


def known_permissions(names: Iterable[str]) -> frozenset[Permission]:
    """Those we know: a role may be older or newer than the software."""
    every = {permission.value for permission in Permission}
    return frozenset(Permission(name) for name in names if name in every)


def scope_of(row: Any) -> Scope:
    """How far an account sees, from a row with its limits and the permissions of its role."""
    limits = {
        name: None if (given := getattr(row, name)) is None else frozenset(given)
        for name in ("departments", "districts", "units")
    }
    highest = Classification.SECRET if row.classification is None else Classification(row.classification)
    return Scope(**limits, classification=highest, city=Permission.CITY_READ.value in row.permissions)


def reading(permissions: Iterable[Permission]) -> frozenset[Permission]:
    """Those of them that change nothing."""
    return frozenset(permission for permission in permissions if permission.value.endswith(".read"))


def role_for(needed: Iterable[Permission], lacking: Iterable[Permission]) -> Text:
    """The first role of ours that may do it, in words; the permissions themselves where none may."""
    every = set(needed)
    role = next((key for key, row in table("roles").items() if every <= set(row["permissions"])), None)
    if role:
        return in_a_sentence(label("roles", role))
    names = ", ".join(lacking)
    return {"zh": names, "en": names}


@dataclass(frozen=True, slots=True)
class Viewer:
    username: str
    name: str
    # the id of a role, of ours or of the city's own
    role: str
    permissions: frozenset[Permission]
    role_names: Mapping[str, str] = field(default_factory=dict, compare=False)
    lang: str = "zh"
    scope: Scope = EVERYTHING
    # where the request came from, as far as this machine knows
    address: str | None = None
    # the session or token that the request came with
    session: int | None = field(default=None, compare=False)
    # somebody else has set the password: nothing is answered until it is changed
    must_change: bool = False

    @property
    def sight(self) -> tuple[Scope, frozenset[Permission]]:
        """Two people of one sight see the same."""
        return self.scope, self.permissions

    def may(self, *needed: Permission) -> bool:
        return self.permissions.issuperset(needed)

    def require(self, *needed: Permission) -> None:
        """Raises Forbidden unless this person's role has all of these permissions."""
        lacking = [permission for permission in needed if permission not in self.permissions]
        if lacking:
            told = f"this needs the permission {', '.join(lacking)}; the role {self.role} does not have it"
            mine = {lang: self.role_names.get(lang) or self.role for lang in ("zh", "en")}
            raise Forbidden(told, about={"role": role_for(needed, lacking), "mine": in_a_sentence(mine)})
