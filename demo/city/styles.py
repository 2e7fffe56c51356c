"""How each use of land is built, as data: footprints, spacing, floors, and what the buildings are."""

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Style:
    """Rows of footprints facing south. Lengths in metres, `fill` the share of places used.

    `floors` is drawn once per block within the range; a `reach` > 0 raises it towards the local skyline by that share.
    `south` clamps the rows' turn away from south, degrees: houses follow the sun more than the street.
    `wings` is the share of footprints that are L or U shaped.
    """

    kind: str
    length: Range
    depth: Range
    gap_x: Range
    gap_y: Range
    floors: Range
    storey_m: float = 3.0
    fill: float = 1.0
    reach: float = 0.0
    south: float = 22.0
    inset: float = 0.0
    shops: bool = False
    jitter: float = 0.0
    names: str | None = None
    wings: float = 0.0


USES: dict[str, Style | None] = {
    "old_town": Style("residential", (7, 14), (7.5, 10.5), (0.6, 2.4), (2.6, 5.5), (1, 3), 3.3, 0.94, jitter=0.8),
    "courtyard": Style("public", (16, 30), (9, 13), (4, 8), (9, 14), (1, 2), 4.5, 0.8, wings=0.7),
    "village": Style("residential", (9, 13), (8.5, 11), (3, 8), (6.5, 12), (2, 3.4), 3.2, 0.72, south=35, jitter=1.6),
    "slab": Style(
        "residential", (36, 62), (11.5, 13), (7, 13), (17, 23), (5, 7), inset=12, shops=True, names="compounds"
    ),
    "high": Style(
        "residential", (40, 60), (12.5, 14), (10, 16), (27, 36), (9, 14), inset=12, shops=True, names="compounds"
    ),
    "tower": Style(
        "residential",
        (26, 36),
        (15, 18),
        (14, 24),
        (32, 44),
        (18, 33),
        2.95,
        inset=12,
        shops=True,
        names="compounds",
    ),
    "office": Style(
        "office", (28, 50), (24, 36), (14, 24), (16, 26), (5, 12), 3.9, 0.9, reach=0.85, names="offices", wings=0.3
    ),
    "commercial": Style(
        "commercial", (38, 80), (30, 48), (10, 18), (12, 20), (3, 6), 4.8, 0.92, 0.3, names="shops", wings=0.45
    ),
    "works": Style(
        "industrial", (42, 120), (24, 52), (10, 18), (11, 20), (1, 2), 8.0, 0.88, south=45, names="works", wings=0.25
    ),
    "sheds": Style("industrial", (22, 60), (14, 26), (8, 16), (9, 16), (1, 1.6), 6.5, 0.8, south=45, names="works"),
    "school": Style("school", (36, 62), (13, 17), (12, 20), (20, 30), (3, 5), 3.8, 0.85, wings=0.6),
    "campus": Style("school", (48, 78), (16, 22), (22, 34), (30, 44), (4, 7), 3.9, 0.72, wings=0.5),
    "hospital": Style("hospital", (46, 78), (18, 26), (14, 22), (20, 30), (5, 16), 3.9, 0.85, wings=0.6),
    "government": Style("government", (54, 84), (16, 22), (18, 30), (26, 38), (4, 10), 3.8, 0.75, wings=0.6),
    "park": None,
    "farmland": None,
    "wood": None,
}
SHOP = Style("commercial", (24, 52), (9, 10.5), (3, 9), (0, 0), (1, 3), 3.8, 0.74)

# People per m2 of floor: (by day, by night).
PEOPLE_PER_M2: dict[str, tuple[float, float]] = {
    "residential": (0.0074, 0.0191),
    "office": (0.028, 0.0006),
    "commercial": (0.026, 0.0012),
    "industrial": (0.014, 0.0016),
    "school": (0.060, 0.005),
    "hospital": (0.045, 0.022),
    "government": (0.030, 0.001),
    "public": (0.030, 0.001),
}
