"""The information resource catalogue over all parts: its lines, who may keep them, what is measured of them."""
