"""The whole city, made in order: barriers, streets, blocks, buildings, and all that stands on them."""

from dataclasses import dataclass

from demo.city.assets import Asset, assets
from demo.city.barriers import barriers
from demo.city.blocks import blocks
from demo.city.buildings import Building, buildings
from demo.city.cameras import Camera, cameras
from demo.city.departments import Ground as Departments
from demo.city.districts import District, districts
from demo.city.facilities import Facility, adopted, facilities
from demo.city.forces import Unit, units
from demo.city.nature import Area, green, railways, water
from demo.city.network import Network
from demo.city.pipes import GasMain, gas_mains
from demo.city.sensing import Ground, Sensor, sensors
from demo.city.streets import network


@dataclass(frozen=True, slots=True)
class City:
    """Everything in ground metres; `write` turns it into lon/lat files."""

    districts: tuple[District, ...]
    network: Network
    water: tuple[Area, ...]
    green: tuple[Area, ...]
    railways: tuple[Area, ...]
    buildings: tuple[Building, ...]
    facilities: tuple[Facility, ...]
    assets: tuple[Asset, ...]
    sensors: tuple[Sensor, ...]
    cameras: tuple[Camera, ...]
    units: tuple[Unit, ...]
    gas_mains: tuple[GasMain, ...]
    # what the departments draw on
    departments: Departments


def compose(seed: int) -> City:
    """The city of `seed`: the same seed gives the same city to the last digit."""
    edges = barriers(seed)
    streets = network(seed, edges)
    ground = blocks(seed, streets, edges)
    areas = districts()
    drafts = buildings(seed, ground)
    found = facilities(seed, ground, drafts, streets, areas)
    built = adopted(drafts, found)
    mains = tuple(gas_mains(streets))
    bodies = water(edges)
    return City(
        areas,
        streets,
        bodies,
        green(seed, edges, ground),
        railways(),
        built,
        found,
        tuple(assets(seed, streets, areas)),
        tuple(sensors(Ground(seed, streets, built, found, mains))),
        tuple(cameras(seed, streets)),
        tuple(units(found)),
        mains,
        Departments(seed, tuple(ground), streets, bodies, built, found),
    )
