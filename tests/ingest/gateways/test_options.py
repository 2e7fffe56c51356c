"""What the command line says to the gateways, and what it is told when it is off."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.cli import gateways
from core.errors import OneMapError
from core.settings import Settings
from ingest.gateways.gb28181_notes import KINDS

SECRETS = {"ONEMAP_JT808_SECRET": "s3cret", "ONEMAP_GB28181_PASSWORD": "Right-Horse-7"}
MAKERS: dict[str, Callable[..., Any]] = {
    "jt808": gateways.make_jt808_options,
    "gb28181": gateways.make_gb28181_options,
}
ID = ["--id", "32130200002000000001"]


def make(*words: str, environ: dict[str, str] | None = None) -> Any:
    parser = argparse.ArgumentParser()
    gateways.add_verbs(parser.add_subparsers())
    options = parser.parse_args(["gateway", *words])
    return MAKERS[words[0]](options, Settings(topic_prefix="city"), SECRETS if environ is None else environ)


def write(folder: Path, content: object) -> str:
    path = folder / "file"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_defaults_authenticate_and_publish_below_our_own_prefix() -> None:
    terminal, video = make("jt808"), make("gb28181", *ID)
    assert (terminal.secret, terminal.allowed, terminal.prefix, terminal.emergency_kind) == (
        b"s3cret",
        None,
        "city",
        "rescue",
    )
    assert (video.authenticate, video.password, video.realm, video.prefix) == (
        True,
        "Right-Horse-7",
        "3213020000",
        "city",
    )
    assert video.kinds == KINDS


def test_private_network_needs_no_secret() -> None:
    assert make("jt808", "--no-auth", environ={}).secret is None
    assert not make("gb28181", *ID, "--no-auth", environ={}).authenticate


def test_files_are_read(tmp_path: Path) -> None:
    assert make("jt808", "--allow", write(tmp_path, "013912344329\n\n138\n")).allowed == {"13912344329", "138"}
    assert make("jt808", "--units", write(tmp_path, {"0139": "fire-01"})).units == {"139": "fire-01"}
    assert make("gb28181", *ID, "--ids", write(tmp_path, {"1" * 20: "cam-1"})).ids == {"1" * 20: "cam-1"}
    assert make("gb28181", *ID, "--passwords", write(tmp_path, {"1" * 20: "x"}), environ={}).passwords == {
        "1" * 20: "x"
    }
    kinds = make("gb28181", *ID, "--kinds", write(tmp_path, {"5/6": "trespass", "2/2": "manhole"})).kinds
    assert kinds == {**KINDS, "5/6": "trespass", "2/2": "manhole"}


OFF: list[tuple[list[str], object, str]] = [
    (["jt808", "--emergency-kind", "party"], None, "--emergency-kind"),
    (["jt808", "--topic-prefix", "a/#"], None, "--topic-prefix"),
    (["jt808", "--topic-prefix", "/a"], None, "--topic-prefix"),
    (["jt808", "--allow", "FILE"], "139\nphone", "--allow"),
    (["jt808", "--allow", "/nowhere"], None, "--allow"),
    (["jt808", "--units", "FILE"], {"139": "a/b"}, "--units"),
    (["jt808", "--units", "FILE"], {"139": 7}, "--units"),
    (["jt808", "--units", "FILE"], "{", "--units"),
    (["jt808", "--units", "FILE"], ["139"], "--units"),
    (["gb28181", "--id", "1"], None, "--id"),
    (["gb28181", *ID, "--realm", 'x"y'], None, "--realm"),
    (["gb28181", *ID, "--kinds", "FILE"], {"8": "other"}, "--kinds"),
    (["gb28181", *ID, "--kinds", "FILE"], {"2/2": "party"}, "--kinds"),
    (["gb28181", *ID, "--kinds", "FILE"], {"5/6": "two words"}, "--kinds"),
]


@pytest.mark.parametrize(("words", "content", "field"), OFF)
def test_what_is_off_is_named(words: list[str], content: object, field: str, tmp_path: Path) -> None:
    path = write(tmp_path, content)
    with pytest.raises(OneMapError) as caught:
        make(*[path if word == "FILE" else word for word in words])
    assert caught.value.field == field
    assert field in caught.value.message


@pytest.mark.parametrize(
    ("words", "name"), [(["jt808"], "ONEMAP_JT808_SECRET"), (["gb28181", *ID], "ONEMAP_GB28181_PASSWORD")]
)
def test_missing_secret_is_named(words: list[str], name: str) -> None:
    with pytest.raises(OneMapError) as caught:
        make(*words, environ={})
    assert caught.value.field == name
