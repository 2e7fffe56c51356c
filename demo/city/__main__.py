"""`python -m demo.city --out DIR [--seed N] [--scale S]`: writes the demo city's package."""

import argparse
from pathlib import Path

from demo.city.compose import compose
from demo.city.write import write


def share(text: str) -> float:
    """A scale in (0, 1]."""
    value = float(text)
    if not 0.0 < value <= 1.0:
        raise argparse.ArgumentTypeError(f"expected more than 0 and at most 1, got {text}")
    return value


def seed(text: str) -> int:
    """A seed: zero or a positive whole number."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected zero or more, got {text}")
    return value


def main() -> None:
    """Parses the command line and writes the package."""
    parser = argparse.ArgumentParser(prog="python -m demo.city", description="write the demo city's package")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, made if missing")
    parser.add_argument("--seed", type=seed, default=1, help="another number, another city (default 1)")
    parser.add_argument("--scale", type=share, default=1.0, help="share of buildings, assets, sensors, units kept")
    arguments = parser.parse_args()
    write(compose(arguments.seed), arguments.out, arguments.scale)


if __name__ == "__main__":
    main()
