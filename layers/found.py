"""What of the city is found by its name: places, streets, addresses, components, rows of the city's own layers."""

from __future__ import annotations

from core.finding import Indexed
from core.scope import seen, seen_asset

CITY = ":scope_city"
_LAYER = f"""
(SELECT {seen("n.district", "l.classification")} AND (CAST(:scope_departments AS text[]) IS NULL
    OR l.departments IS NULL OR l.departments && CAST(:scope_departments AS text[]))
  FROM layer l WHERE l.id = n.layer_id)
"""
_TITLE = "(SELECT l.title_{} FROM layer l WHERE l.id = n.layer_id)"

DISTRICT = Indexed("district", CITY)
STREET = Indexed("street", CITY)
ADDRESS = Indexed("address", seen("n.district"))
FACILITY = Indexed("facility", seen("n.district", "n.classification"))
AREA = Indexed("area", CITY)
BUILDING = Indexed("building", CITY)
ROW = Indexed("row", _LAYER, subtitle=(_TITLE.format("zh"), _TITLE.format("en")))
ASSET = Indexed("asset", seen_asset("n.district", "n.dept"))
