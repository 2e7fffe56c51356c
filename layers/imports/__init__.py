"""Bringing a city in: features of a layer to rows, from a city package or an OpenStreetMap extract."""
