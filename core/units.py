"""Units of measure: from what a device says to what the city's tables say (core/data/metrics.json), by the Pint
library.

`core/data/unit_names.json` holds spellings that Pint does not know (RFC 8428 section 12.1, RFC 8798, Chinese names,
m3/h); with `scale` and `offset` those that are another unit's multiple.
"""

from __future__ import annotations

import math
import re
from functools import cache, lru_cache
from typing import Any, NamedTuple

from core.errors import InputError
from core.faults import expects
from core.vocabulary import table


class Conversion(NamedTuple):
    """value · scale + offset, to the twelve digits that no sensor has: 71.6 °F is 22, not 22.000000000031854."""

    scale: float
    offset: float

    def apply(self, value: float) -> float:
        return float(f"{value * self.scale + self.offset:.12g}")


SAME = Conversion(1.0, 0.0)
# units with exponents of one digit, multiplied and divided: nothing that Pint would have to calculate
_TERM = r"[A-Za-z°µμΩ%_]+(?:(?:\*\*|\^)?-?[1-4]|[²³])?"
KINDS = {
    "share": frozenset({"dimensionless", "%", "percent", "ppm", "permille"}),
    "angle": frozenset({"deg", "degree", "rad", "radian", "turn", "revolution", "grad", "arcmin", "arcsec", "mrad"}),
    "count": frozenset({"bit", "byte", "kibibyte", "megabyte", "gigabyte", "count"}),
    "level": frozenset(
        {"dB", "decibel", "B", "bel", "Np", "neper", "dBm", "decibelmilliwatt", "dBu", "octave", "decade"}
    ),
}
UNIT = re.compile(rf"{_TERM}(?: ?[*/·] ?{_TERM}){{0,5}}")


@cache
def _pint() -> Any:
    """Pint takes half a second to import: only who converts pays for it."""
    from pint import UnitRegistry

    return UnitRegistry(cache_folder=None)


@lru_cache(maxsize=4096)
def conversion(unit: str, wanted: str) -> Conversion:
    """How a value in `unit` becomes one in `wanted`; InputError where it cannot."""
    if unit == wanted:
        return SAME
    if (ours := scaled(unit)) != SAME:
        inner = conversion(spell(unit), wanted)
        return Conversion(ours.scale * inner.scale, ours.offset * inner.scale + inner.offset)
    if (theirs := scaled(wanted)) != SAME:
        inner = conversion(unit, spell(wanted))
        return Conversion(inner.scale / theirs.scale, (inner.offset - theirs.offset) / theirs.scale)
    if spell(unit) == spell(wanted):
        return SAME
    from pint.errors import PintError

    refusal = InputError(
        f"unit: expected one that converts to {wanted!r}, got {unit[:40]!r}",
        field="unit",
        about=expects("unit", "unit_of", wanted=wanted),
    )
    if not all(UNIT.fullmatch(spell(name)) for name in (unit, wanted)) or not akin(unit, wanted):
        raise refusal
    try:
        quantity = _pint().Quantity
        zero, one = (float(quantity(n, spell(unit)).to(spell(wanted)).magnitude) for n in (0.0, 1.0))
    except (PintError, AttributeError, ValueError, TypeError, ArithmeticError, AssertionError) as exc:
        raise refusal from exc
    if not (math.isfinite(zero) and math.isfinite(one)) or one == zero:
        raise refusal
    # exact for offsets of temperatures and for plain factors; Pint leaves a trace of floating point in the difference
    return Conversion(round(one - zero, 12) if abs(zero) > 0 else one, zero)


@lru_cache(maxsize=4096)
def is_unit(words: str) -> bool:
    """Whether `words` are a unit that we know, of anything."""
    if not words or not UNIT.fullmatch(spell(words)):
        return False
    from pint.errors import PintError

    try:
        _pint().parse_units(spell(words))
    except (PintError, AttributeError, ValueError, TypeError, ArithmeticError, AssertionError):
        return False
    return True


def akin(unit: str, wanted: str) -> bool:
    """Whether two units without a dimension are of one kind: to Pint a slope in percent, an angle and a bit are all
    plain numbers. Decibels are of no kind but their own: what they are relative to is not in the unit."""
    kinds = [next((kind for kind, names in KINDS.items() if spell(name) in names), None) for name in (unit, wanted)]
    return "level" not in kinds and kinds[0] == kinds[1]


def spell(unit: str) -> str:
    """`unit` as Pint writes it."""
    row = table("unit_names").get(unit)
    return str(row["unit"]) if row else unit


def scaled(unit: str) -> Conversion:
    """How a value becomes one in the unit that the table writes for it: a dBm is a dBW and 30 less."""
    row = table("unit_names").get(unit, {})
    return Conversion(float(row.get("scale", 1)), float(row.get("offset", 0)))


@cache
def canonical_units() -> dict[str, str]:
    """metric -> the unit that thresholds, map and feeds speak of it in."""
    return {metric: str(row["unit"]) for metric, row in table("metrics").items()}
