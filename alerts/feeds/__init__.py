"""Feeds render what field teams and other systems read: CAP 1.2, Atom, RSS with GeoRSS, GeoJSON."""
