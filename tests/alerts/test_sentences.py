"""What an alarm says: where, what, how much, against which limit, in both languages (describe is pure)."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.rules.base import Finding, RuleRow, Thing
from alerts.store import describe

GAUGE = {"zh": "临江六号站", "en": "Lin River Station 6"}
UNDERPASS = {"zh": "人民大道下穿通道积水", "en": "Renmin Avenue Underpass Water Gauge"}
STREET = {"zh": "解放路积水点", "en": "Jiefang Road Water Gauge"}
RAIN = {"zh": "临江雅居雨量站", "en": "Linjiang Manor Rain Gauge"}
STAGES = {"2": {"zh": "保证水位", "en": "guaranteed stage"}, "4": {"zh": "警戒水位", "en": "warning stage"}}
LIMITS = {"water_level": {"1": 9.6, "2": 9.1, "3": 8.8, "4": 8.52}}


def said(names: dict[str, str], template: str, level: int | None, metric: str | None, **more: Any) -> dict[str, str]:
    rule = RuleRow("r", "threshold", "limit", names, {}, {})
    thing = Thing("sensor", "wl-006", names, "320102", thresholds=LIMITS, attributes=more.pop("attributes", {}))
    given = {"value": None, "unit": None, "limit": None, **more}
    return describe(Finding(rule, thing, level, metric, at=0, template=template, **given))


@pytest.mark.parametrize(
    ("found", "zh", "en"),
    [
        (
            said(
                UNDERPASS,
                "alarm.above",
                1,
                "water_level",
                value=0.65,
                unit="m",
                limit=0.6,
                attributes={"underpass": "u"},
            ),
            "人民大道下穿通道积水 0.65 米，达到一级阈值 0.60 米",
            "Renmin Avenue Underpass Water Gauge: water depth 0.65 m, at or above the level I threshold of 0.60 m",
        ),
        (
            said(STREET, "alarm.above", 3, "water_level", value=0.3, unit="m", limit=0.27, attributes={"street": "e1"}),
            "解放路积水点积水深度 0.30 米，达到三级阈值 0.27 米",
            "Jiefang Road Water Gauge: water depth 0.30 m, at or above the level III threshold of 0.27 m",
        ),
        (
            said(
                GAUGE, "alarm.above", 4, "water_level", value=8.53, unit="m", limit=8.52, attributes={"stages": STAGES}
            ),
            "临江六号站水位 8.53 米，超警戒水位 0.01 米",
            "Lin River Station 6: water level 8.53 m, 0.01 m over the warning stage",
        ),
        (
            said(GAUGE, "alarm.above", 3, "water_level", value=8.9, unit="m", limit=8.8, attributes={"stages": STAGES}),
            "临江六号站水位 8.90 米，超警戒水位 0.38 米",
            "Lin River Station 6: water level 8.90 m, 0.38 m over the warning stage",
        ),
        (
            said(GAUGE, "alarm.above", 2, "water_level", value=9.1, unit="m", limit=9.1, attributes={"stages": STAGES}),
            "临江六号站水位 9.10 米，达到保证水位",
            "Lin River Station 6: water level 9.10 m, at the guaranteed stage",
        ),
        (
            said(GAUGE, "alarm.below", 3, "flow", value=12, unit="L/s", limit=15),
            "临江六号站流量 12.0 升/秒，降至三级阈值 15.0 升/秒或以下",
            "Lin River Station 6: flow 12.0 L/s, at or below the level III threshold of 15.0 L/s",
        ),
        (
            said(GAUGE, "alarm.holding", 2, "water_level", value=9.08, unit="m", limit=9.1),
            "临江六号站水位回到 9.08 米，未过解除线，二级告警保持",
            "Lin River Station 6: water level back at 9.08 m, not past the clearing limit; level II alarm held",
        ),
        (
            said(RAIN, "alarm.window", 2, "rain", value=50.08, unit="mm", limit=50, fields={"hours": "3"}),
            "临江雅居雨量站 3 小时雨量 50.1 毫米，达到二级阈值 50.0 毫米",
            "Linjiang Manor Rain Gauge: rain 50.1 mm in 3 h, at or above the level II threshold of 50.0 mm",
        ),
        (
            said(GAUGE, "alarm.above", 3, "aqi", value=212, unit="", limit=201),
            "临江六号站空气质量指数 212，达到三级阈值 201",
            "Lin River Station 6: AQI 212, at or above the level III threshold of 201",
        ),
        (
            said(GAUGE, "alarm.stale", 4, None, value=12, unit="min"),
            "临江六号站离线 12 分钟",
            "Lin River Station 6: offline for 12 min",
        ),
    ],
)
def test_alarm_says_where_what_how_much(found: dict[str, str], zh: str, en: str) -> None:
    assert found == {"zh": zh, "en": en}
