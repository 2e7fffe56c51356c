"""Settings: documented, complete, and a bad one is a sentence that names the variable."""

from __future__ import annotations

import re

import pytest

from core.errors import SetupError
from core.settings import Settings, load_settings
from tests.support import ROOT


def test_example_lists_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    found = [re.fullmatch(r"#? ?(ONEMAP_[A-Z0-9_]+)=(.*)", line) for line in lines]
    listed = {m[1]: m[2] for m in found if m}
    known = {f"ONEMAP_{name.upper()}": field.default for name, field in Settings.model_fields.items()}
    extra = set(listed) - set(known) - {"ONEMAP_DATA_DIR"}
    assert not extra, "listed, but there is no such setting"
    assert not set(known) - set(listed), "a setting that is not listed"
    differs = {n: (listed[n], str(d)) for n, d in known.items() if listed[n] and listed[n].strip("\"'") != str(d)}
    assert not differs


def test_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example copied as it is, and `${NAME:-}` in a compose file."""
    for name in Settings.model_fields:
        monkeypatch.setenv(f"ONEMAP_{name.upper()}", "")
    assert Settings() == Settings.model_construct()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ONEMAP_HTTP_PORT", "eighty"),
        ("ONEMAP_HTTP_PORT", "70000"),
        ("ONEMAP_CAP_STATUS", "Draft"),
        ("ONEMAP_CAP_SENDER", "a b"),
        ("ONEMAP_TOPIC_PREFIX", "a/#"),
        ("ONEMAP_LOG_LEVEL", "loud"),
        ("ONEMAP_INGEST_WAITING", "1"),
    ],
)
def test_unusable_value_names_the_variable(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    with pytest.raises(SetupError) as caught:
        load_settings()
    load_settings.cache_clear()
    assert caught.value.field == name
    assert value in caught.value.message


def test_missing_address_says_what_to_do() -> None:
    with pytest.raises(SetupError, match="onemap up"):
        Settings().need_database()
    with pytest.raises(SetupError, match="onemap up"):
        Settings().need_mqtt()
