"""How far somebody sees: a scope as a value, and the same rule in SQL for lists that are paged or counted.

A thing of a district is seen by who may see that district, a thing of none by all, and neither by whose highest
classification is below its own. What a department keeps is seen by whom that department is given, what none keeps by
all. A unit is seen by whom it is given to by name; who has been given none sees those of their districts. An incident
and its alarms are seen also by whose unit was sent to it. A token may be for some layers only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from core.types import UNKNOWN_DISTRICT, Params


class Classification(IntEnum):
    """How far a thing may be shown; everything is OPEN to those who are logged in until somebody says otherwise."""

    OPEN = 0
    INTERNAL = 1
    SECRET = 2


@dataclass(frozen=True, slots=True)
class Scope:
    """None is no limit. `city`: sees the city at all; who does not sees the units given by name and their incidents."""

    # codes of departments
    departments: frozenset[str] | None = None
    # six-digit codes
    districts: frozenset[str] | None = None
    units: frozenset[str] | None = None
    # ids of the only layers that a token opens
    layers: frozenset[str] | None = None
    # the highest classification of things
    classification: Classification = Classification.SECRET
    city: bool = True

    @property
    def everywhere(self) -> bool:
        """Nothing is hidden for where or whose it is, only for its class."""
        return self.city and self.districts is None and self.units is None

    def sees(self, district: str | None, classification: int = Classification.OPEN) -> bool:
        """Whether things of this district and classification may be seen."""
        if not self.city or classification > self.classification:
            return False
        return self.districts is None or district in (None, UNKNOWN_DISTRICT) or district in self.districts

    def shows_layer(self, layer: str) -> bool:
        """Whether a layer is among those that may be opened at all; what of it is seen is asked apart."""
        return self.layers is None or layer in self.layers

    def sees_asset(self, district: str | None, department: str | None) -> bool:
        """Whether what a department keeps in a district may be seen."""
        kept = self.departments is None or department is None or department in self.departments
        return kept and self.sees(district)

    def sees_unit(self, unit: str, district: str | None) -> bool:
        return self.sees(district) if self.units is None else unit in self.units

    def sees_incident(
        self, district: str | None, units: Iterable[str], classification: int = Classification.OPEN
    ) -> bool:
        """`units` were sent to it: who is sent must know to what. The same of its alarms."""
        return self.sees(district, classification) or (self.units is not None and not self.units.isdisjoint(units))

    def sees_area(self, districts: Iterable[str]) -> bool:
        """Whether what is told of an area, which touches these districts, may be seen."""
        return self.city and (self.districts is None or not self.districts.isdisjoint(districts))

    def covers(self, other: Scope) -> bool:
        """Whether nothing that `other` sees is hidden here."""
        pairs = (
            (self.departments, other.departments),
            (self.districts, other.districts),
            (self.units, other.units),
            (self.layers, other.layers),
        )
        inside = all(mine is None or (theirs is not None and theirs <= mine) for mine, theirs in pairs)
        return inside and self.classification >= other.classification and (self.city or not other.city)

    def params(self) -> Params:
        """For what `seen` and its kin ask."""
        return {
            "scope_city": self.city,
            "scope_districts": None if self.districts is None else sorted(self.districts),
            "scope_units": None if self.units is None else sorted(self.units),
            "scope_departments": None if self.departments is None else sorted(self.departments),
            "scope_classification": int(self.classification),
        }


EVERYTHING = Scope()


def seen(district: str, classification: str = f"{Classification.OPEN:d}") -> str:
    """`Scope.sees` as a condition of SQL; `district` and `classification` are expressions."""
    return f"""
(:scope_city AND {classification} <= :scope_classification
  AND (CAST(:scope_districts AS text[]) IS NULL OR {district} IS NULL OR {district} = '{UNKNOWN_DISTRICT}'
    OR {district} = ANY(CAST(:scope_districts AS text[]))))
"""


def seen_asset(district: str, department: str) -> str:
    """`Scope.sees_asset` in SQL."""
    return f"""
({seen(district)} AND (CAST(:scope_departments AS text[]) IS NULL OR {department} IS NULL
  OR {department} = ANY(CAST(:scope_departments AS text[]))))
"""


def seen_unit(unit: str, district: str) -> str:
    """`Scope.sees_unit` in SQL."""
    return f"""
(CASE WHEN CAST(:scope_units AS text[]) IS NULL THEN {seen(district)}
  ELSE {unit} = ANY(CAST(:scope_units AS text[])) END)
"""


def seen_incident(incident: str, district: str, classification: str) -> str:
    """`Scope.sees_incident` in SQL; of an alarm, `incident` is the one that was opened from it."""
    return f"""
({seen(district, classification)} OR (CAST(:scope_units AS text[]) IS NOT NULL AND EXISTS (SELECT 1 FROM assignment sent
  WHERE sent.incident_id = {incident} AND sent.unit_id = ANY(CAST(:scope_units AS text[])))))
"""


def seen_area(districts: str) -> str:
    """`Scope.sees_area` in SQL; `districts` is an expression of text[]."""
    return f"""
(:scope_city AND (CAST(:scope_districts AS text[]) IS NULL OR {districts} && CAST(:scope_districts AS text[])))
"""


def unit_district(station: str, home: str) -> str:
    """SQL of a unit's district: that of its station, else that in which it is at home."""
    return f"""
COALESCE((SELECT at.district FROM facility at WHERE at.id = {station}),
  (SELECT at.code FROM district at WHERE ST_Covers(at.geom, {home}) LIMIT 1))
"""


def alarm_classification(thing_type: str, thing: str) -> str:
    """SQL of an alarm's classification: that of the thing it is about."""
    return f"""
COALESCE(CASE {thing_type} WHEN 'sensor' THEN (SELECT of.classification FROM sensor of WHERE of.id = {thing})
  WHEN 'camera' THEN (SELECT of.classification FROM camera of WHERE of.id = {thing})
  WHEN 'incident' THEN (SELECT of.classification FROM incident of WHERE of.id = CAST({thing} AS uuid)) END,
  {Classification.OPEN:d})
"""
