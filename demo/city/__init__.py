"""The demo city: a deterministic, fictional prefecture seat written as a city package (a folder of GeoJSON
sequences)."""
