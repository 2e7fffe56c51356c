"""Devices are found by their ids and names."""

from __future__ import annotations

from core.finding import Indexed
from core.scope import seen

SENSOR = Indexed("sensor", seen("n.district", "n.classification"))
CAMERA = Indexed("camera", seen("n.district", "n.classification"))
