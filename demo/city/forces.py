"""Units and their capabilities, each at a station, by the table `demo/data/units.json`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from demo.city import names
from demo.city.facilities import Facility


@dataclass(frozen=True, slots=True)
class Unit:
    """A vehicle with its crew; `station` is a facility's id, x, y where it stands (ground metres). `plate` is that of a
    car; no region's begin with 演 (exercise)."""

    id: str
    kind: str
    name_zh: str
    name_en: str
    capabilities: tuple[str, ...]
    station: str
    x: float
    y: float
    plate: str | None


def units(found: Sequence[Facility]) -> Iterator[Unit]:
    """Every kind's count, dealt to its stations in turn; the types alternate within a station."""
    for row in names.table("units")["kinds"]:
        stations = [f for f in found if f.kind == row["stations"] or f.id.startswith(row["stations"] + "-")]
        for number in range(row["count"]):
            station, shift = stations[number % len(stations)], number // len(stations)
            label_zh, label_en, capabilities = row["types"][(number + shift) % len(row["types"])]
            yield Unit(
                f"{row['prefix']}-{number + 1:02d}",
                row["kind"],
                f"{station.name_zh}{label_zh}{number + 1:02d}",
                f"{station.name_en} {label_en} {number + 1:02d}",
                tuple(capabilities),
                station.id,
                station.x,
                station.y,
                f"演{row['prefix'][0].upper()}·{10_000 + 37 * (number + 1)}" if "车" in label_zh else None,
            )
