"""QGIS as a client of the tests: scripts that its own Python runs, without a screen."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import PATIENCE_S

QGIS = Path("/usr/lib/python3/dist-packages/qgis/core")
WHERE_THERE = pytest.mark.skipif(
    not QGIS.is_dir(),
    reason="QGIS is not installed: 1 GB, more than a test run shall bring; apt-get install python3-qgis",
)


def run_qgis(script: str, *given: str, home: Path) -> tuple[dict[str, Any], str]:
    """What a script beside this file found, and what QGIS complained of."""
    command = ["/usr/bin/python3", str(Path(__file__).with_name(script)), *given]
    environment = {
        "PATH": os.environ["PATH"],
        "QT_QPA_PLATFORM": "offscreen",
        "HOME": str(home),
        "NO_PROXY": "*",
        "LANG": "C.UTF-8",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S * 6)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found, done.stderr[-2000:]
