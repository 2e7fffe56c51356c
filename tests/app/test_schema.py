"""The whole OpenAPI document against the running server, as every role: thousands of requests that a client might make,
by mistake or not. None is a fault of ours, and each answer is one that the document names. (Schemathesis; its examples
are the same in every run.)"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.services.mosquitto import Broker
from core.settings import Settings
from tests.support import ROOT, STATE, System

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = {"viewer": 3, "dispatcher": 4, "commander": 4, "admin": 6}
# some thousand requests on a machine that does other things beside
pytestmark = pytest.mark.timeout(2400)
# every boundary of every parameter is walked (phase `coverage`) by who is let in everywhere
WALKS = "admin"


@pytest.fixture(scope="module")
def own(own_settings: Settings, broker: Broker) -> Iterator[System]:
    """A server of its own: what these requests leave behind shall be in no other test's way."""
    with System(own_settings, broker, STATE / "log" / "test_schema") as system:
        yield system.start("serve")


@pytest.fixture(scope="module")
def tokens(own: System) -> dict[str, str]:
    """Of every role, before the attempts to log in that these requests make are too many for one address."""
    return {role: own.token(role) for role in EXAMPLES}


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_every_answer_of_ogc_is_one_that_its_document_names(
    own: System, tokens: dict[str, str], role: str, tmp_path: Path
) -> None:
    """As who reads, and as who writes too; before the others, whose requests end sessions."""
    ask_all(f"{own.http}/ogc/api", tokens[role], 4, "coverage,fuzzing", tmp_path)


@pytest.mark.parametrize("role", list(EXAMPLES))
def test_every_answer_is_one_that_the_document_names(
    own: System, tokens: dict[str, str], role: str, tmp_path: Path
) -> None:
    phases = "coverage,fuzzing" if role == WALKS else "fuzzing"
    ask_all(f"{own.http}/api/openapi.json", tokens[role], EXAMPLES[role], phases, tmp_path)


def ask_all(document: str, token: str, examples: int, phases: str, folder: Path) -> None:
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        "run",
        document,
        "--header",
        f"Authorization: Bearer {token}",
        "--checks",
        CHECKS,
        "--max-examples",
        str(examples),
        "--generation-deterministic",
        "--phases",
        phases,
        "--suppress-health-check",
        "all",
        "--request-timeout",
        "90",
        "--warnings",
        "off",
        "--no-color",
    ]
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": "", "NO_PROXY": "*", "HOME": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
