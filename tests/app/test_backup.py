"""The drill: a backup comes back, whole, from every state an operator can be in; a damaged one changes nothing."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import psycopg
import pyrage
import pytest
from alembic import command as alembic
from sqlalchemy import Engine, text

from app.backup import archive, database, files, schedule
from app.backup.keys import Keys
from app.cli import main
from app.health.backups import check_backups
from app.services.net import free_port
from app.services.postgres import Cluster
from core.db import make_engine
from core.errors import InputError, SetupError
from core.migrate import alembic_config, head_revision, revision_of
from core.pictures import Pictures
from core.settings import Settings, load_settings
from ingest.partitions import days_ahead, make_partitions
from tests.support import PATIENCE_S, ROOT, Administer, admin_url, now, wait_for

PICTURE = "ab" + "c" * 62
Run = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def forget_settings() -> Iterator[None]:
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run(settings, *words)`: exit code and what was said. Pictures and state lie in folders of this test's own."""
    pictures = tmp_path / "pictures" / "ab"
    pictures.mkdir(parents=True)
    (pictures / f"{PICTURE}.jpg").write_bytes(b"a picture")

    def run(settings: Settings, *words: object) -> tuple[int, str]:
        for name, value in environment(settings, tmp_path).items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def pictures_url(folder: Path) -> str:
    return f"file://{folder}/pictures"


def environment(settings: Settings, folder: Path) -> dict[str, str]:
    return {
        "ONEMAP_DATABASE_URL": settings.database_url,
        "ONEMAP_MIGRATE_DATABASE_URL": settings.migrate_database_url,
        "ONEMAP_PICTURES_URL": pictures_url(folder),
        "ONEMAP_STATE_DIR": str(folder / "state"),
    }


@pytest.fixture(scope="module")
def city(own_engine: Engine) -> Engine:
    """This module's database, with days, and something that happened."""
    with own_engine.begin() as conn:
        make_partitions(conn, days_ahead(now()))
        conn.execute(
            text(
                """
INSERT INTO observation (sensor_id, metric, time, value, unit, quality, received_at)
SELECT 's', 'm', now() - n * interval '1 minute', n / 7.0, 'm', 'good', now() FROM generate_series(1, 500) n
"""
            )
        )
        conn.execute(text("INSERT INTO audit (time, who, what, result, data) VALUES (now(), 'a', 'b', 'ok', '{}')"))
    return own_engine


@pytest.fixture
def target(make_database: Callable[..., str], cluster: Cluster) -> Callable[[str], Settings]:
    """`target(template)`: another database, to restore into."""

    def make(template: str) -> Settings:
        url = make_database("test_restored", template)
        return Settings(database_url=url, migrate_database_url=admin_url(cluster, url))

    return make


def read_all(settings: Settings) -> dict[str, int]:
    engine = make_engine(settings, pool_size=1, migrator=True)
    with database.snapshot(engine) as (conn, _):
        found = {name: facts.rows for name, facts in database.read_tables(conn).items()}
    engine.dispose()
    return found


def is_like(found: Settings, made: Settings) -> bool:
    """All rows are there; those of the backup and the restore themselves come on top."""
    own = ("audit", "process_state")
    first, second = read_all(found), read_all(made)
    return {k: v for k, v in first.items() if k not in own} == {k: v for k, v in second.items() if k not in own}


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize("state", ["nothing", "fresh", "another city", "an older version", "its own"])
def test_backup_comes_back_into_whatever_is_there(
    state: str,
    own_settings: Settings,
    run: Run,
    tmp_path: Path,
    bare: str,
    template: str,
    target: Callable[[str], Settings],
) -> None:
    path = tmp_path / "city.backup"
    code, said = run(own_settings, "backup", path)
    assert (code, "1 pictures" in said) == (0, True), said
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    into = own_settings if state == "its own" else target({"nothing": "template0", "fresh": bare}.get(state, template))
    if state == "fresh":
        engine = make_engine(into, pool_size=1)
        with engine.begin() as conn:
            make_partitions(conn, [*days_ahead(now()), (now() - timedelta(days=9)).date()])
        engine.dispose()
    if state == "an older version":
        alembic.downgrade(alembic_config(into.need_migrator()), "0006")
    (tmp_path / "pictures" / "ab" / f"{PICTURE}.jpg").unlink()
    code, said = run(into, "restore", path, "--verify")
    assert code == 0, said
    assert "tables are as they were" in said
    assert is_like(into, own_settings)
    assert (tmp_path / "pictures" / "ab" / f"{PICTURE}.jpg").read_bytes() == b"a picture"
    with psycopg.connect(into.database_url) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("DELETE FROM audit")
    with psycopg.connect(into.database_url) as conn:
        assert conn.execute("SELECT what FROM audit ORDER BY time DESC LIMIT 1").fetchone() == ("database.restore",)


@pytest.mark.usefixtures("city")
def test_backup_of_an_older_version_is_brought_up_to_date(
    own_settings: Settings, run: Run, tmp_path: Path, bare: str, target: Callable[[str], Settings]
) -> None:
    old = target(bare)
    alembic.downgrade(alembic_config(old.need_migrator()), "0006")
    code, said = run(old, "backup", tmp_path / "old.backup")
    assert code == 0, said
    code, said = run(own_settings.model_copy(update=vars(old)), "restore", tmp_path / "old.backup", "--verify")
    assert code == 0, said
    engine = make_engine(old, pool_size=1)
    with engine.connect() as conn:
        assert revision_of(conn) == head_revision()
    engine.dispose()


@pytest.mark.usefixtures("city")
def test_bare_dump_of_an_earlier_version_comes_back(
    own_settings: Settings, run: Run, tmp_path: Path, bare: str, target: Callable[[str], Settings]
) -> None:
    path = tmp_path / "city.dump"
    dumped = [database.pg_program("pg_dump"), "-Fc", "-f", str(path)]
    subprocess.run(dumped, env=database.pg_environment(own_settings.need_migrator()), check=True)
    into = target(bare)
    code, said = run(into, "restore", path, "--verify")
    assert code == 0, said
    assert "nothing to compare it with" in said
    assert is_like(into, own_settings)


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize("kind", ["plain", "passphrase", "recipient"])
def test_a_locked_backup_opens_with_its_key_only(
    kind: str, own_settings: Settings, run: Run, tmp_path: Path, bare: str, target: Callable[[str], Settings]
) -> None:
    own, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    for name, body in (("pass", "open sesame\n"), ("wrong", "other"), ("id", f"# mine\n{own}\n"), ("id2", str(other))):
        (tmp_path / name).write_text(body)
    path, into = tmp_path / "city.backup", target(bare)
    locks: dict[str, list[object]] = {
        "plain": [],
        "passphrase": ["--passphrase-file", tmp_path / "pass"],
        "recipient": ["--recipient", str(own.to_public())],
    }
    keys: dict[str, list[list[object]]] = {
        "plain": [[]],
        "passphrase": [[], ["--passphrase-file", tmp_path / "wrong"], ["--passphrase-file", tmp_path / "pass"]],
        "recipient": [[], ["--identity", tmp_path / "id2"], ["--identity", tmp_path / "id"]],
    }
    assert run(own_settings, "backup", path, *locks[kind])[0] == 0
    clear = b"onemap_owner" in path.read_bytes() or b"manifest.json" in path.read_bytes()
    assert clear is (kind == "plain")
    for n, words in enumerate(keys[kind], 1):
        code, said = run(into, "restore", path, *words)
        assert code == (0 if n == len(keys[kind]) else 1), said
        assert "Traceback" not in said
        if code:
            assert ("--passphrase-file: " if kind == "passphrase" else "encrypted to") in said
    assert is_like(into, own_settings)


@pytest.fixture
def marked(bare: str, target: Callable[[str], Settings]) -> Settings:
    """A database that can be told from the one in the backup."""
    into = target(bare)
    with psycopg.connect(into.database_url) as conn:
        conn.execute("UPDATE rule SET name_en = 'still here' WHERE id = 'gas'")
    return into


def is_untouched(settings: Settings) -> bool:
    with psycopg.connect(settings.database_url) as conn:
        return conn.execute("SELECT name_en FROM rule WHERE id = 'gas'").fetchone() == ("still here",)


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize("lock", [[], ["--recipient"]], ids=["plain", "locked"])
def test_damaged_backup_changes_nothing(
    lock: list[str], own_settings: Settings, run: Run, tmp_path: Path, marked: Settings
) -> None:
    own = pyrage.x25519.Identity.generate()
    (tmp_path / "id").write_text(str(own))
    words = [*lock, str(own.to_public())] if lock else []
    path = tmp_path / "city.backup"
    assert run(own_settings, "backup", path, *words)[0] == 0
    whole = path.read_bytes()
    cut = [whole[: int(len(whole) * share)] for share in (0.0, 0.001, 0.3, 0.7, 0.99)]
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for body in (*cut, flipped, b"x" * 5000, b"\x1f\x8b" + whole):
        path.write_bytes(body)
        code, said = run(marked, "restore", path, *(["--identity", tmp_path / "id"] if lock else []))
        assert code == 1, said
        assert said.splitlines()[-1].startswith("onemap restore: "), said
        assert is_untouched(marked)


@pytest.mark.usefixtures("city")
def test_dump_that_breaks_in_the_middle_changes_nothing(
    own_settings: Settings, run: Run, tmp_path: Path, marked: Settings
) -> None:
    """A bare dump has no sums: what was read of it is undone."""
    path = tmp_path / "city.dump"
    dumped = [database.pg_program("pg_dump"), "-Fc", "-Z0", "-f", str(path)]
    subprocess.run(dumped, env=database.pg_environment(own_settings.need_migrator()), check=True)
    body = path.read_bytes()
    path.write_bytes(body[: len(body) * 2 // 3])
    code, said = run(marked, "restore", path)
    assert (code, "nothing has changed" in said) == (1, True), said
    assert is_untouched(marked)


@pytest.mark.usefixtures("city")
def test_killed_restore_leaves_what_was_there(
    own_settings: Settings, run: Run, tmp_path: Path, marked: Settings
) -> None:
    path = tmp_path / "city.backup"
    assert run(own_settings, "backup", path)[0] == 0
    with psycopg.connect(marked.database_url) as reader:
        # it waits for us in the middle of its work
        reader.execute("SELECT 1 FROM rule")
        begun = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "restore", str(path)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment(marked, tmp_path)},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        with psycopg.connect(marked.migrate_database_url, autocommit=True) as admin:
            waits = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            wait_for(lambda: (admin.execute(waits).fetchone() or (0,))[0] == 1, what="the restore is at work")
        os.killpg(begun.pid, signal.SIGKILL)
        begun.wait(PATIENCE_S)
    assert is_untouched(marked)
    code, said = run(marked, "restore", path, "--verify")
    assert code == 0, said


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize("name", ["serve", "ingest", "alerts", "dispatch", "doors"])
def test_running_system_is_said_and_left_alone(
    name: str, own_settings: Settings, run: Run, tmp_path: Path, marked: Settings
) -> None:
    path = tmp_path / "city.backup"
    assert run(own_settings, "backup", path)[0] == 0
    with psycopg.connect(marked.database_url, application_name=f"onemap {name}"):
        code, said = run(marked, "restore", path)
    assert (code, f"these processes work in this database: {name}. Stop them" in said) == (1, True), said
    assert is_untouched(marked)


@pytest.mark.usefixtures("city")
def test_backup_of_a_newer_version_is_refused(
    own_settings: Settings, run: Run, tmp_path: Path, marked: Settings
) -> None:
    assert run(own_settings, "backup", tmp_path / "city.backup")[0] == 0
    with archive.reading(tmp_path / "city.backup", Keys()) as members:
        told = json.loads(next(content.read() for name, content in members if name == archive.MANIFEST))
    for change in ({"revision": "9999"}, {"format": 99}):
        with archive.writing(tmp_path / "new.backup", Keys()) as out:
            out.add_bytes(archive.MANIFEST, json.dumps({**told, **change}).encode())
        code, said = run(marked, "restore", tmp_path / "new.backup")
        assert (code, "made by a newer version of OneMap" in said) == (1, True), said
    assert is_untouched(marked)


@pytest.mark.usefixtures("city")
def test_comparison_names_what_differs(own_settings: Settings, administer: Administer, city: Engine) -> None:
    engine = make_engine(own_settings, pool_size=2, migrator=True)
    with database.snapshot(engine) as (conn, _):
        tables, sequences = database.read_tables(conn), database.read_sequences(conn)
    assert database.compare(engine, tables, sequences) == []
    with administer(city) as conn:
        conn.execute(text("UPDATE observation SET value = value + 1 WHERE sensor_id = 's' AND value < 1"))
        conn.execute(text("DELETE FROM facility WHERE id = (SELECT min(id) FROM facility)"))
    more = {**sequences, "incident_serial": sequences["incident_serial"] + 5}
    found = database.compare(engine, tables, more)
    rows = tables["observation"].rows, tables["facility"].rows
    assert f"observation has other values in its {rows[0]:,} rows" in found
    assert f"facility has {rows[1] - 1:,} rows, not {rows[1]:,}" in found
    assert any(words.startswith("incident_serial stands at ") for words in found)
    engine.dispose()


def test_failed_backup_leaves_no_file_and_the_last_one_as_it_was(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "city.backup"
    path.write_bytes(b"yesterday's")
    lost = Settings(database_url="postgresql://x:x@127.0.0.1:9/none")
    code, said = run(lost, "backup", path)
    assert code == 1
    assert said.startswith("onemap backup: "), said
    assert path.read_bytes() == b"yesterday's"
    assert [one.name for one in tmp_path.iterdir() if "part" in one.name or ".onemap" in one.name] == []


def test_path_that_is_no_place_for_a_file_is_said_before_any_work(run: Run, tmp_path: Path) -> None:
    """A folder, as with --every, ended in a traceback once the whole dump was made."""
    lost = Settings(database_url="postgresql://x:x@127.0.0.1:9/none")  # nothing of it was read
    for path, told in [(tmp_path, "is a folder"), (tmp_path / "none" / "x", "the folder")]:
        code, said = run(lost, "backup", path)
        assert (code, said.startswith("onemap backup: path: "), told in said) == (1, True, True), said


@pytest.mark.parametrize(
    "member", ["pictures/../../x", "state/../x", "state/tls/../../x", "/etc/x", "state/other.json"]
)
def test_a_member_goes_nowhere_else(member: str, tmp_path: Path) -> None:
    assert files.PICTURE.match(member) is None
    assert files.place_of(member, tmp_path, tmp_path) is None


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["--recipient", "age1nobody"], "--recipient"),
        (["--passphrase-file", "/nowhere"], "--passphrase-file"),
        (["--passphrase-file", os.devnull], "--passphrase-file"),
        (["--every", "5"], "--every"),
        (["--every", "30s"], "--every"),
    ],
)
def test_a_word_that_is_off_is_named(
    words: list[str], field: str, run: Run, own_settings: Settings, tmp_path: Path
) -> None:
    code, said = run(own_settings, "backup", tmp_path / "x", *words)
    assert (code, f"onemap backup: {field}: " in said) == (1, True), said


# --- pictures in a store of their own ---------------------------------------------------------------------------------


@pytest.fixture
def in_s3(run: Run, s3: str, aws: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """`run`, with pictures in a bucket of their own, reached through an endpoint."""
    httpx.put(f"{s3}/backups", trust_env=False, timeout=PATIENCE_S)

    def run_there(settings: Settings, *words: object, endpoint: str = s3) -> tuple[int, str]:
        aws.setenv("AWS_ENDPOINT", endpoint)
        return run(settings, *words)

    aws.setattr("tests.app.test_backup.pictures_url", lambda _: "s3://backups/city")
    return run_there


def manifest_of(path: Path) -> dict[str, object]:
    told: dict[str, object] = json.loads(archive.check(path, Keys()))
    return told


def test_pictures_of_a_store_are_in_the_backup_and_come_back(
    in_s3: Run, own_settings: Settings, tmp_path: Path, bare: str, target: Callable[[str], Settings], aws: object
) -> None:
    path = tmp_path / "city.backup"
    in_s3(own_settings, "backup", tmp_path / "first")  # the environment is there from here on
    store = Pictures("s3://backups/city", tmp_path)
    body = b"a picture of a camera" * 1000
    store.put(PICTURE, body)
    store.bring("not/a-picture.txt", b"x")
    code, said = in_s3(own_settings, "backup", path)
    assert (code, "1 pictures" in said, "not in it" in said) == (0, True, False), said
    assert manifest_of(path)["pictures"] == ""
    store.delete(PICTURE)
    code, said = in_s3(target(bare), "restore", path, "--verify")
    assert (code, "1 pictures" in said) == (0, True), said
    assert store.get(PICTURE) == body


@pytest.mark.parametrize("why", ["the store is away", "they are not wanted"])
def test_pictures_that_are_not_in_it_are_said(
    why: str, in_s3: Run, own_settings: Settings, tmp_path: Path, bare: str, target: Callable[[str], Settings]
) -> None:
    path = tmp_path / "city.backup"
    away = {"endpoint": f"http://127.0.0.1:{free_port()}"} if why == "the store is away" else {}
    words = [] if away else ["--without-pictures"]
    code, said = in_s3(own_settings, "backup", path, *words, **away)
    assert (code, "pictures are not in it" in said, "s3://backups/city" in said) == (0, True, True), said
    assert manifest_of(path)["pictures"] == "s3://backups/city"
    code, said = in_s3(target(bare), "restore", path, "--verify")
    assert code == 0, said
    assert "its pictures are not in it: they lay in s3://backups/city" in said
    assert "not in a backup: what waited in the broker" in said


def test_store_that_does_not_take_pictures_back_is_said_and_the_rest_is_restored(
    in_s3: Run, own_settings: Settings, tmp_path: Path, bare: str, target: Callable[[str], Settings]
) -> None:
    path = tmp_path / "city.backup"
    in_s3(own_settings, "backup", tmp_path / "first")
    Pictures("s3://backups/city", tmp_path).put(PICTURE, b"one")
    assert in_s3(own_settings, "backup", path)[0] == 0
    into = target(bare)
    code, said = in_s3(into, "restore", path, endpoint=f"http://127.0.0.1:{free_port()}")
    assert (code, "all but pictures is restored" in said) == (1, True), said
    assert is_like(into, own_settings)


# --- by the clock -----------------------------------------------------------------------------------------------------

T = datetime(2026, 5, 4, 8, tzinfo=UTC)


class Clock:
    """Goes on by `step` at each look, and ends the work after `last`."""

    def __init__(self, step: timedelta, last: timedelta, stop: threading.Event) -> None:
        self.now, self.step, self.last, self.stop = T, step, T + last, stop

    def __call__(self) -> datetime:
        self.now += self.step
        if self.now > self.last:
            self.stop.set()
        return self.now


def by_the_clock(folder: Path, hours: float, make: Callable[[Path, datetime], str], keep: int = 3) -> None:
    stop = threading.Event()
    # no waiting: the clock itself goes on
    stop.wait = lambda timeout=None: stop.is_set()  # type: ignore[method-assign]
    clock = Clock(timedelta(minutes=1), timedelta(hours=hours), stop)
    schedule.run(folder, timedelta(hours=6), keep, make, stop, clock)


def touch(path: Path, now: datetime) -> str:
    path.write_text("x")
    return path.name


def test_backups_are_made_by_the_clock_and_the_oldest_go(tmp_path: Path) -> None:
    (tmp_path / "somebody's file").write_text("stays")
    by_the_clock(tmp_path, 31, touch)
    kept = [at for at, _ in schedule.backups_in(tmp_path)]
    assert len(kept) == 3
    apart = [b - a for a, b in pairwise(kept)]
    assert all(timedelta(hours=6) <= one <= timedelta(hours=6, minutes=3) for one in apart)
    assert kept[-1] > T + timedelta(hours=24)
    assert (tmp_path / "somebody's file").exists()


def test_a_failure_removes_nothing_and_is_tried_again(tmp_path: Path) -> None:
    touch(tmp_path / schedule.name_of(T - timedelta(days=9)), T)
    tried: list[datetime] = []

    def fail(path: Path, now: datetime) -> str:
        tried.append(now)
        if len(tried) < 3:
            raise SetupError("no room")
        return touch(path, now)

    by_the_clock(tmp_path, 1, fail, keep=1)
    assert len(tried) == 3
    assert tried[2] - tried[0] < timedelta(minutes=15)
    assert [path.name for _, path in schedule.backups_in(tmp_path)] == [schedule.name_of(tried[2])]


def test_a_restart_neither_skips_one_nor_makes_one_more(tmp_path: Path) -> None:
    every = timedelta(hours=6)
    assert schedule.next_at(tmp_path, every, T) == T
    touch(tmp_path / schedule.name_of(T - timedelta(hours=2)), T)
    assert schedule.next_at(tmp_path, every, T) == T + timedelta(hours=4)
    touch(tmp_path / schedule.name_of(T + timedelta(days=400)), T)
    assert schedule.next_at(tmp_path, every, T) == T + every, "a clock that was wrong once stops nothing"
    with pytest.raises(InputError, match="--every"):
        schedule.parse_every("soon")


def test_the_doctor_says_when_there_is_none_to_go_back_to(tmp_path: Path) -> None:
    every = timedelta(hours=6)
    [remark] = check_backups(tmp_path / "nowhere", every, T)
    assert "cannot be read" in remark.words
    [remark] = check_backups(tmp_path, every, T)
    assert "there is no backup" in remark.words
    touch(tmp_path / schedule.name_of(T - timedelta(hours=6, minutes=30)), T)
    assert list(check_backups(tmp_path, every, T)) == []
    [remark] = check_backups(tmp_path, every, T + timedelta(hours=2))
    assert "is 8 h old" in remark.words
    assert remark.wrong
