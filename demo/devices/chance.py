"""Repeatable chance: shares of one drawn from names, and generators of their own for every device."""

import zlib

import numpy as np


def share(*names: object) -> float:
    """A number in 0..1 that depends on `names` alone."""
    return zlib.crc32("/".join(str(name) for name in names).encode()) / 2**32


def rng_for(seed: int, *names: object) -> np.random.Generator:
    """A generator for one device."""
    return np.random.default_rng([seed, *(zlib.crc32(str(name).encode()) for name in names)])
