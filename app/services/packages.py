"""What this machine lacks, and installing it: says what and why first, never touches what is there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.services.mosquitto import find_mosquitto
from app.services.postgres import bin_folder
from core.errors import SetupError


@dataclass(frozen=True, slots=True)
class Need:
    """A program of the system: how we know it is there, and the Debian packages that bring it."""

    name: str
    why: str
    there: Callable[[], bool]
    packages: tuple[str, ...]


def find_chromium() -> str | None:
    """The browser for the browser tests: ONEMAP_CHROMIUM, or Debian's. (Ubuntu's `chromium-browser` is a snap stub.)"""
    named = os.environ.get("ONEMAP_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("google-chrome")


def has_cjk_font() -> bool:
    """Whether the system can draw Chinese where a page has no font of its own."""
    done = (
        subprocess.run(["fc-list", ":lang=zh", "file"], capture_output=True, text=True, check=False)
        if shutil.which("fc-list")
        else None
    )
    return bool(done and done.stdout.strip())


POSTGIS = Need(
    "PostgreSQL with PostGIS",
    "the city's memory",
    lambda: bin_folder() is not None,
    ("postgresql", "postgis", "postgresql-postgis"),
)
MOSQUITTO = Need("Mosquitto", "the broker that devices speak to", lambda: find_mosquitto() is not None, ("mosquitto",))
DRIVER = Need(
    "libatomic",
    "Playwright's driver, which the browser tests use, is linked to it",
    lambda: any(Path("/usr/lib").glob("**/libatomic.so.1")) or any(Path("/lib64").glob("libatomic.so.1")),
    ("libatomic1",),
)
CHROMIUM = Need("Chromium", "the browser tests", lambda: find_chromium() is not None, ("chromium",))


def install_missing(needs: list[Need], say: Callable[[str], None]) -> None:
    """Install what is missing on Debian and Ubuntu; elsewhere, or without root and sudo, a SetupError with the command
    to run."""
    missing = [need for need in needs if not need.there()]
    if not missing:
        return
    packages = [package for need in missing for package in need.packages]
    for need in missing:
        say(f"{need.name} is missing ({need.why}); installing the packages {' '.join(need.packages)}")
    by_hand = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise SetupError(
            f"this machine has no apt-get: install {', '.join(n.name for n in missing)} by its own means, then run "
            "this again",
            reason="missing_program",
        )
    prefix = root_prefix(by_hand)
    _run([*prefix, "apt-get", "update", "-qq"], by_hand, required=False)
    _run(
        [
            *prefix,
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            *packages,
        ],
        by_hand,
    )
    still = [need.name for need in missing if not need.there()]
    if still:
        raise SetupError(f"{', '.join(still)} is still missing after: {by_hand}", reason="missing_program")


def root_prefix(by_hand: str) -> list[str]:
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        raise SetupError(f"not root and there is no sudo; let an administrator run: {by_hand}", reason="not_root")
    return ["sudo"]


def _run(command: list[str], by_hand: str, *, required: bool = True) -> None:
    # Debian's package would start a server of its own on 5432 when it is installed for the first time; that is left
    # alone
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode and required:
        raise SetupError(f"{by_hand}\nfailed: {done.stderr.strip()[-800:]}", reason="install")


def checkout() -> Path:
    return Path(__file__).resolve().parent.parent.parent
