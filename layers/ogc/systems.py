"""The coordinate reference systems that are spoken (OGC API Features Part 2, 18-058r1)."""

from collections.abc import Mapping

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
# what is offered -> EPSG code, and whether latitude (or northing) stands first
SYSTEMS: Mapping[str, tuple[int, bool]] = {
    CRS84: (4326, False),
    f"{EPSG}4326": (4326, True),
    f"{EPSG}4490": (4490, True),
    f"{EPSG}3857": (3857, False),
}
METRES = 3857
# beyond this no coordinate of EPSG:3857 is on earth, in metres
FARTHEST = 1e8
