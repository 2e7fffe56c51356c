"""What can be set, called or looked at is written down."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from alerts.rules import KINDS
from app.cli import make_parser
from ingest.topics import NATIVE
from layers.served import LAYERS
from tests.support import ROOT

DOCS = {path.name: path.read_text("utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]}
EVERYTHING = "\n".join(DOCS.values())


def verbs() -> list[str]:
    [choices] = [a.choices for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return sorted(choices)


@pytest.mark.parametrize("verb", verbs())
def test_verb_is_documented(verb: str) -> None:
    assert f"./onemap {verb}" in EVERYTHING or f"`{verb}`" in EVERYTHING


@pytest.mark.parametrize("kind", sorted(kind.key for kind in KINDS))
def test_rule_kind_and_its_parameters_are_documented(kind: str) -> None:
    text = DOCS["operators.md"]
    assert f"- `{kind}`:" in text
    missing = [name for name in KINDS[kind].params.model_fields if f"`{name}`" not in text and f"{name}:" not in text]
    assert not missing


@pytest.mark.parametrize("layer", sorted(layer.id for layer in LAYERS))
def test_layer_is_documented(layer: str) -> None:
    assert f"`{layer}`" in DOCS["integrators.md"]


@pytest.mark.parametrize("template", sorted(NATIVE.values()))
def test_topic_is_documented(template: str) -> None:
    assert f"`onemap/{template}`" in DOCS["integrators.md"]


def test_both_readmes_tell_the_same_story() -> None:
    english, chinese = (Path(ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))
    assert english.count("\n## ") == chinese.count("\n## ")
    assert english.count("\n| ") == chinese.count("\n| ")
