"""The plan of Linjiang as data: where water, rails, rings and arterials lie, in plan metres around the centre.

Everything else (side streets, blocks, buildings, people, devices) is grown from this table.
"""

from dataclasses import dataclass

from demo.city.curves import Points

NAME_ZH, NAME_EN, CODE = "临江市", "Linjiang", "329900"


@dataclass(frozen=True, slots=True)
class DistrictPlan:
    """One of the five districts; `code` is its six digits."""

    code: str
    name_zh: str
    name_en: str


CORE = DistrictPlan("329902", "城中区", "Chengzhong District")
SOUTH = DistrictPlan("329903", "江南新区", "Jiangnan New District")
EAST = DistrictPlan("329904", "临港区", "Lingang District")
WEST = DistrictPlan("329905", "镜湖区", "Jinghu District")
NORTH = DistrictPlan("329906", "凤山区", "Fengshan District")
DISTRICTS = (CORE, SOUTH, EAST, WEST, NORTH)

# Water -----------------------------------------------------------------------------------------------------------
RIVER_NAME = ("临江", "Lin River")
RIVER: Points = (
    (-7400, -700),
    (-5700, -1230),
    (-4300, -1020),
    (-3050, -1260),
    (-1750, -1880),
    (-350, -2060),
    (1050, -1780),
    (2250, -1130),
    (3450, -800),
    (4650, -1080),
    (5700, -1560),
    (7400, -1500),
)
RIVER_HALF_WIDTH_M = 115.0
ISLAND = (-4380.0, -1035.0, 520.0)  # x, y, half length
ISLAND_NAME = ("白鹭洲", "Egret Island")
RIVER_BANK_M = 70.0

TRIBUTARY_NAME = ("清溪河", "Qingxi River")
TRIBUTARY: Points = (
    (-2350, 6200),
    (-2620, 4900),
    (-2500, 4100),
    (-2760, 3100),
    (-2480, 2050),
    (-2330, 900),
    (-2560, -300),
    (-2420, -1000),
    (-2250, -1800),
)
TRIBUTARY_HALF_WIDTH_M = 24.0

MOAT_NAME = ("护城河", "City Moat")
MOAT = (-620.0, 360.0, 760.0, 690.0)  # cx, cy, rx, ry of the old town's moat
MOAT_HALF_WIDTH_M = 16.0
CANAL_NAME = ("运盐河", "Salt Canal")
CANAL: Points = ((-620, -330), (-640, -800), (-560, -1300), (-600, -2000))
CANAL_HALF_WIDTH_M = 15.0
SOUTH_CANAL_NAME = ("新南河", "Xinnan Canal")
SOUTH_CANAL: Points = (
    (1000, -1800),
    (1350, -2500),
    (1950, -3100),
    (2250, -3900),
    (2900, -4600),
    (3000, -6200),
)


@dataclass(frozen=True, slots=True)
class LakePlan:
    """A lake and the park around it; `bank_m` is the width of green between water and road."""

    name_zh: str
    name_en: str
    park_zh: str
    park_en: str
    x: float
    y: float
    rx: float
    ry: float
    bank_m: float


LAKES = (
    LakePlan("东湖", "East Lake", "东湖风景区", "East Lake Scenic Area", 4190, 1330, 470, 400, 120),
    LakePlan("镜湖", "Mirror Lake", "镜湖公园", "Mirror Lake Park", -4060, 1250, 560, 390, 110),
    LakePlan("莲花湖", "Lotus Lake", "人民公园", "People's Park", 880, 1130, 190, 150, 90),
    LakePlan("月湖", "Moon Lake", "月湖公园", "Moon Lake Park", -620, -3560, 360, 290, 110),
    LakePlan("北湖", "North Lake", "北湖湿地公园", "North Lake Wetland Park", -860, 4330, 430, 205, 105),
    LakePlan("南湾水库", "Nanwan Reservoir", "南湾风景区", "Nanwan Scenic Area", 4560, -3230, 290, 340, 105),
)

HILLS = (
    ("凤凰山", "Phoenix Hill", -5050.0, 3500.0, 620.0, 560.0),
    ("龙泉山", "Longquan Hill", 5060.0, 4380.0, 370.0, 430.0),
    ("南屏山", "Nanping Hill", -4900.0, -3650.0, 520.0, 460.0),
)
CITY_PARKS = (
    ("滨江公园", "Riverside Park", -1330.0, -1390.0, 330.0, 170.0),
    ("市民广场", "Civic Square Park", 500.0, -3085.0, 215.0, 150.0),
    ("体育公园", "Sports Park", 2460.0, -2940.0, 240.0, 200.0),
    ("植物园", "Botanical Garden", -3750.0, 2550.0, 330.0, 250.0),
    ("劳动公园", "Labour Park", 1750.0, 2450.0, 240.0, 190.0),
    ("港城公园", "Port Park", 4750.0, 150.0, 230.0, 190.0),
)

# Lines -----------------------------------------------------------------------------------------------------------
RAILWAYS: tuple[tuple[str, str, Points], ...] = (
    (
        "宁临铁路",
        "Ninglin Railway",
        ((-7400, 3050), (-5600, 2760), (-3600, 2990), (-1000, 3330), (1800, 3260), (4200, 2900), (7400, 2250)),
    ),
    (
        "临港支线",
        "Lingang Branch Line",
        ((3900, 2950), (4800, 2620), (5310, 1900), (5400, 600), (5360, -250), (5330, -560)),
    ),
)
RAIL_CORRIDOR_M = 26.0
MOTORWAY_NAME = ("绕城高速", "Ring Expressway")
MOTORWAY: Points = (
    (-7400, -3700),
    (-5900, -4350),
    (-3600, -4720),
    (-800, -4830),
    (1900, -4760),
    (4300, -4480),
    (5350, -3650),
    (5640, -2200),
    (5700, -300),
    (5760, 1900),
    (5650, 3800),
    (5300, 6200),
)
MOTORWAY_CORRIDOR_M = 42.0

RINGS = (
    ("一环路", "1st Ring Road", -150.0, 360.0, 1950.0, 1610.0, 2.7),
    ("二环路", "2nd Ring Road", 60.0, 40.0, 3420.0, 2900.0, 2.7),
    ("三环路", "3rd Ring Road", 30.0, -80.0, 4980.0, 4120.0, 2.8),
)


@dataclass(frozen=True, slots=True)
class Arterial:
    """A straight arterial at `at` metres (x of a north-south one, y of an east-west one), from `start` to `end`.

    `crosses` names the great barriers it passes besides the small ones: "river" by bridge, "rail" by underpass.
    """

    name_zh: str
    name_en: str
    at: float
    start: float = -9_000
    end: float = 9_000
    crosses: tuple[str, ...] = ()


NORTH_SOUTH = (
    Arterial("金山大道", "Jinshan Avenue", -5420, crosses=("river", "rail")),
    Arterial("望江路", "Wangjiang Road", -4480, end=2300),
    Arterial("文昌路", "Wenchang Road", -3560, crosses=("rail",)),
    Arterial("建设大道", "Jianshe Avenue", -2960, crosses=("river", "rail")),
    Arterial("解放路", "Jiefang Road", -2060, crosses=("rail",)),
    Arterial("中华路", "Zhonghua Road", -1520),
    Arterial("鼓楼路", "Gulou Road", -620, crosses=("rail",)),
    Arterial("淮海路", "Huaihai Road", 260, end=2900),
    Arterial("人民大道", "Renmin Avenue", 560, crosses=("river", "rail")),
    Arterial("科技路", "Keji Road", 1330, crosses=("rail",)),
    Arterial("长虹路", "Changhong Road", 2080, crosses=("river",)),
    Arterial("新华路", "Xinhua Road", 2840, crosses=("rail",)),
    Arterial("东湖路", "Donghu Road", 3620, crosses=("river", "rail")),
    Arterial("开发大道", "Kaifa Avenue", 4420, crosses=("rail",)),
    Arterial("港城大道", "Gangcheng Avenue", 5060, crosses=("river",)),
)
EAST_WEST = (
    Arterial("北外环路", "Beiwaihuan Road", 4780),
    Arterial("黄海路", "Huanghai Road", 3880),
    Arterial("站前路", "Zhanqian Road", 2760, start=-2000, end=2900),
    Arterial("和平路", "Heping Road", 2260, crosses=("rail",)),
    Arterial("长江路", "Changjiang Road", 1610, crosses=("rail",)),
    Arterial("中山路", "Zhongshan Road", 360, crosses=("rail",)),
    Arterial("建国路", "Jianguo Road", 990, start=-9000, end=-1650),
    Arterial("延安路", "Yan'an Road", 940, start=1250, crosses=("rail",)),
    Arterial("胜利路", "Shengli Road", -450, crosses=("rail",)),
    Arterial("友谊路", "Youyi Road", -1130, start=-9000, end=1700),
    Arterial("江南大道", "Jiangnan Avenue", -2620),
    Arterial("世纪大道", "Shiji Avenue", -3300),
    Arterial("创新路", "Chuangxin Road", -1950, start=2300),
    Arterial("文苑路", "Wenyuan Road", -1900, start=-9000, end=-2700),
    Arterial("学府路", "Xuefu Road", -3820),
    Arterial("南外环路", "Nanwaihuan Road", -4400),
)
DIAGONALS: tuple[tuple[str, str, Points], ...] = (
    ("迎宾大道", "Yingbin Avenue", ((1420, 1560), (2300, 2250), (3300, 3200), (4000, 3950), (4600, 5900))),
    ("滨湖大道", "Binhu Avenue", ((-1850, -2620), (-2700, -3300), (-3800, -3850), (-4300, -4300), (-4500, -6200))),
)

# Centres of gravity: (x, y, reach m, height m at the middle). Heights and density fall off from these.
CENTRES = (
    (900.0, 350.0, 1100.0, 165.0),
    (560.0, -3000.0, 900.0, 150.0),
    (4250.0, 300.0, 700.0, 95.0),
    (-3300.0, 500.0, 650.0, 80.0),
    (560.0, 2650.0, 550.0, 75.0),
)
# Industrial parks: (x, y, reach x, reach y).
INDUSTRY = (
    (5000.0, 1900.0, 800.0, 1100.0),
    (4600.0, -350.0, 750.0, 350.0),
    (-4700.0, -2600.0, 900.0, 700.0),
    (1900.0, 4200.0, 1400.0, 550.0),
)
# The university town and the villages at the fringe.
CAMPUS = ((-2300.0, -3500.0, 620.0, 420.0), (3300.0, -3600.0, 380.0, 330.0))
