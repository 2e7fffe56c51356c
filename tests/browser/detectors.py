"""Gas detectors of a test's own, which no simulated device feeds."""

from __future__ import annotations

import time
from typing import Any

import httpx

from core.clock import rfc3339
from tests.support import Mailbox, now, wait_for

Json = dict[str, Any]
# gas has one rule for all: level I from 50 %LEL, level II from 25 (core/data/rules.json)
LEVEL_I, LEVEL_II, WELL = 60.0, 30.0, 1.0


class Detectors:
    """They stand around `where`, the middle of the city."""

    def __init__(self, admin: httpx.Client, devices: Mailbox, where: tuple[float, float]) -> None:
        self.admin, self.devices, self.where = admin, devices, where

    def say(self, name: str, value: float) -> None:
        reading = {"time": rfc3339(now()), "metric": "gas", "unit": "%LEL", "value": value}
        self.devices.publish(f"onemap/observation/{name}", reading)

    def make(self, name: str, value: float, shift: float = 0.0) -> Json:
        """A detector with an alarm, `shift` degrees east of the city's middle."""
        self.say(name, WELL)
        wait_for(lambda: self.admin.get(f"/api/sensors/{name}").status_code == 200, what=f"{name} is heard")
        lon, lat = self.where
        told = {"kind": "gas", "lon": lon + shift, "lat": lat, "name_zh": f"监测点{name}", "name_en": name}
        answer = self.admin.post(f"/api/sensors/{name}/accept", json=told)
        assert answer.status_code == 200, answer.text

        def raised() -> Json | None:
            self.say(name, value)
            time.sleep(0.3)
            return self.alarm(name)

        return wait_for(raised, what=f"{name} alarms")

    def alarm(self, name: str) -> Json | None:
        items = self.admin.get("/api/alarms").json()["items"]
        return next((a for a in items if a["thing"]["id"] == name), None)
