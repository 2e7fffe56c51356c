"""The command line: errors are sentences, rules are checked before they are saved."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from app.cli import PARTS, main, make_parser
from core.settings import Settings, load_settings
from tests.support import ROOT


@pytest.fixture
def command(own_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbs find this module's database through the environment."""
    monkeypatch.setenv("ONEMAP_DATABASE_URL", own_settings.database_url)
    monkeypatch.setenv("ONEMAP_MQTT_URL", own_settings.mqtt_url)
    load_settings.cache_clear()


@pytest.fixture(autouse=True)
def forget_settings() -> None:
    load_settings.cache_clear()


def run(*argv: str) -> int:
    return main(list(argv))


def value(own_settings: Settings, query: str) -> object:
    with psycopg.connect(own_settings.database_url) as conn:
        row = conn.execute(query.encode()).fetchone()
    return row[0] if row else None


@pytest.mark.usefixtures("command")
def test_rules_are_listed_shown_and_switched(own_settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rules", "list") == 0
    assert "water-stage" in capsys.readouterr().out
    assert run("rules", "show", "gas") == 0
    assert json.loads(capsys.readouterr().out)["params"]["metric"] == "gas"
    assert run("rules", "disarm", "gas") == 0
    assert value(own_settings, "SELECT enabled FROM rule WHERE id = 'gas'") is False
    assert run("rules", "arm", "gas") == 0
    assert value(own_settings, "SELECT enabled FROM rule WHERE id = 'gas'") is True


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("{", "params: expected JSON"),
        ('{"metric": "gas"}', "params.steps"),
        ('{"metric": "gas", "steps": [{"level": 7, "on": 1}]}', "params.steps.0.level"),
    ],
)
@pytest.mark.usefixtures("command")
def test_bad_rule_is_named_and_not_saved(
    given: str, words: str, own_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = value(own_settings, "SELECT params::text FROM rule WHERE id = 'gas'")
    monkeypatch.setattr("sys.stdin", io.StringIO(given))
    assert run("rules", "set", "gas") == 1
    assert words in capsys.readouterr().err
    assert value(own_settings, "SELECT params::text FROM rule WHERE id = 'gas'") == before


@pytest.mark.usefixtures("command")
def test_good_rule_is_saved(own_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"metric": "gas", "steps": [{"level": 2, "on": 33}]}'))
    assert run("rules", "set", "gas") == 0
    assert value(own_settings, "SELECT params->'steps'->0->>'on' FROM rule WHERE id = 'gas'") == "33"


@pytest.mark.usefixtures("command")
def test_sources_are_listed_shown_changed_and_switched(
    own_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("sources", "list") == 0
    lines = {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines()}
    assert (lines["native"], lines["tasmota"]) == ("on", "off")
    assert run("sources", "on", "tasmota") == 0
    assert run("sources", "show", "tasmota") == 0
    shown = capsys.readouterr().out.partition("{")[2]
    source = json.loads("{" + shown)
    assert (source["enabled"], source["version"], source["state"]["messages"]) == (True, 2, 0)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({**source, "owner": "水务局"})))
    assert run("sources", "set", "tasmota") == 0
    assert value(own_settings, "SELECT owner FROM source WHERE id = 'tasmota'") == "水务局"
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(source)))
    assert run("sources", "set", "tasmota") == 1
    assert "version: the source has changed" in capsys.readouterr().err
    assert run("sources", "off", "tasmota") == 0
    assert value(own_settings, "SELECT enabled FROM source WHERE id = 'tasmota'") is False
    told = "SELECT string_agg(who, ' ') FROM audit WHERE what = 'source.change'"
    assert str(value(own_settings, told)).startswith("cli:")


@pytest.mark.usefixtures("command")
def test_source_is_added_by_command(own_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"id": "lamps", "name_zh": "路灯", "name_en": "Lamps", "topic_filters": ["lamps/#"], "decoder": "senml"}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(given)))
    assert run("sources", "add") == 0
    assert value(own_settings, "SELECT enabled FROM source WHERE id = 'lamps'") is False


@pytest.mark.parametrize(
    ("argv", "given", "words"),
    [
        (("sources", "show", "none"), "", "there is no source 'none'"),
        (("sources", "on", "none"), "", "there is no source 'none'"),
        (("sources", "set", "senml"), "{", "source: expected JSON"),
        (("sources", "set", "senml"), "[]", "source: expected a JSON object"),
        (("sources", "set", "senml"), '{"colour": 1}', "colour: there is no such field"),
        (("sources", "set", "senml"), '{"interval_s": "often"}', "interval_s: "),
        (("sources", "set", "senml"), '{"id": "other"}', "the id of a source cannot be changed"),
        (("sources", "set", "senml"), '{"units": {"flow": "kg"}}', "units.flow: expected one that converts"),
        (("sources", "add"), '{"id": "x"}', "name_zh: Field required"),
    ],
)
@pytest.mark.usefixtures("command")
def test_source_that_cannot_be_saved_is_named(
    argv: tuple[str, ...], given: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(given))
    assert run(*argv) == 1
    assert words in capsys.readouterr().err


@pytest.mark.usefixtures("command")
def test_account_and_tokens_by_command(
    own_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Good-Word-9\n"))
    assert run("user", "add", "li", "--role", "commander") == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("weak\n"))
    assert run("user", "add", "bo") == 1
    assert "password: expected" in capsys.readouterr().err
    assert run("user", "token", "li", "--layers", "streets") == 1
    assert run("user", "token", "li", "--feed", "--layers", "nowhere") == 1
    capsys.readouterr()
    assert run("user", "token", "li", "--feed", "--layers", "streets") == 0
    secret = capsys.readouterr().out.strip()
    assert len(secret) > 30
    assert value(own_settings, "SELECT kind || layers::text FROM session WHERE username = 'li'") == "feed{streets}"
    assert run("user", "revoke", "li") == 0
    assert value(own_settings, "SELECT count(*) FROM session WHERE username = 'li'") == 0
    assert run("user", "role", "li", "dispatcher") == 0
    assert run("user", "scope", "li", "--districts", "321302,321311", "--classification", "internal") == 0
    kept = value(own_settings, "SELECT districts || classification::text FROM account WHERE username = 'li'")
    assert kept == ["321302", "321311", "1"]
    assert run("user", "scope", "li") == 0
    assert value(own_settings, "SELECT districts FROM account WHERE username = 'li'") is None
    assert run("user", "role", "li", "nothing-known") == 1
    assert run("user", "role", "admin", "viewer") == 1  # nobody would be left who manages people
    assert run("user", "token", "nobody") == 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("rules", "show", "none"), "there is no rule 'none'"),
        (("import", "city", "/nowhere"), "city.json"),
        (("import", "osm", "/nowhere.osm.pbf"), "is not there"),
        (("import", "layer", "units", "/nowhere.geojsonl"), "is not there"),
        (("restore", "/nowhere.dump"), "is not there"),
    ],
)
@pytest.mark.usefixtures("command")
def test_what_cannot_be_done_is_said_in_a_sentence(
    argv: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*argv) == 1
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told


@pytest.mark.usefixtures("command")
def test_doctor_names_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor") == 1
    told = capsys.readouterr().out
    assert all(f"no {name} process" in told for name in ("ingest", "alerts", "dispatch"))
    assert "broker does not answer" not in told


def test_doctor_without_a_database_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ONEMAP_DATABASE_URL", "postgresql://x:x@127.0.0.1:9/none")
    assert run("doctor") == 1
    assert "database does not answer" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["-k", "risk"], ["tests/core", "-n", "2"], ["--collect-only", "-q"]], ids=str)
def test_words_after_test_are_for_pytest(words: list[str]) -> None:
    assert make_parser().parse_args(["test", *words]).rest == words


def test_unknown_verb_is_exit_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("fly")
    assert ended.value.code == 2


@pytest.mark.parametrize("part", list(PARTS))
def test_each_verb_is_found_in_its_module_alone(part: str) -> None:
    """A process that starts loads its own module only; one that is not named here could not be started."""
    for verb in PARTS[part]:
        [action] = [one for one in make_parser(verb)._actions if isinstance(one, argparse._SubParsersAction)]
        assert set(action.choices) == set(PARTS[part])


@pytest.mark.parametrize("verb", ["ingest", "serve", "alerts", "dispatch", "doors"])
def test_a_process_loads_no_verb_of_others(verb: str) -> None:
    asked = f"import sys; from app.cli import make_parser; make_parser({verb!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"dash", "geoalchemy2", "zxcvbn", "pyrage", "osmium"} & set(loaded.split())


@pytest.mark.usefixtures("command")
def test_rule_is_tried_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is kept, one from a file beside it; nothing is written, and what is wrong is said in a sentence."""
    given = tmp_path / "rise.json"
    given.write_text(
        json.dumps(
            {
                "id": "rise",
                "kind": "change",
                "alarm_kind": "rise",
                "name_zh": "涨",
                "name_en": "Rise",
                "params": {"metric": "water_level", "steps": [{"level": 3, "on": 1}]},
            }
        ),
        "utf-8",
    )
    period = ["--from", "2026-01-01T08:00", "--to", "2026-01-02T08:00"]
    assert run("rules", "try", "water-stage", *period, "--against", str(given), "--json") == 0
    tried = json.loads(capsys.readouterr().out)
    assert (tried["rule"], tried["against"]["rule"], tried["count"]) == ("water-stage", "rise", 0)
    assert run("rules", "try", str(given), *period) == 0
    assert "rise (change): 0 alarms" in capsys.readouterr().out
    assert run("rules", "show", "rise") == 1, "it is kept nowhere"
    assert run("rules", "try", "water-stage", "--from", "yesterday", "--to", "2026-01-02") == 1
    assert "--from: expected a moment" in capsys.readouterr().err


@pytest.mark.usefixtures("command")
def test_expected_incidents_are_a_layer_that_says_its_age(
    own_settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("hotspots", "make") == 1
    assert "incidents: expected 200 at least" in capsys.readouterr().err
    with psycopg.connect(own_settings.database_url) as conn:
        conn.execute(
            """
INSERT INTO incident (id, number, kind, level, status, titles, channel, district, opened_at, changed_at, opened_by,
  version, geom)
SELECT gen_random_uuid(), 'h' || n, 'fire', 3, 'closed', '{"zh": "x", "en": "x"}', 'desk', '000000',
  now() - n * interval '2 days', now() - n * interval '2 days', 'test', 1,
  ST_SetSRID(ST_Translate(ST_Centroid(c.extent), 0.001 * (n % 7), 0.001 * (n % 11)), 4326)
FROM generate_series(0, 399) AS n, city c
"""
        )
    for _ in range(2):  # made again it is renewed
        assert run("hotspots", "make", "--json") == 0
        figures = json.loads(capsys.readouterr().out)
        assert figures["incidents"] == 400
        assert 0 <= figures["hit_share"] <= 1
        rows = value(own_settings, "SELECT count(*) FROM layer_row WHERE layer_id = 'expected-incidents'")
        assert rows == figures["cells"]
    title = value(own_settings, "SELECT title_en FROM layer WHERE id = 'expected-incidents'")
    assert f"caught {100 * figures['hit_share']:.0f} %" in str(title)
