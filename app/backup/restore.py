"""Bringing a backup back into an installation, whatever state it is in."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from pydantic import ValidationError
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from app.backup import archive, database, files
from app.backup.keys import Keys
from app.backup.make import DUMP
from app.backup.nouns import FORMAT, Manifest
from app.backup.place import Place
from core import audit
from core.db import make_engine
from core.errors import InputError, SetupError, Unavailable
from core.migrate import alembic_config, migrate, prepare
from core.pictures import Pictures
from core.roles import is_superuser
from core.seed import seed
from core.settings import Settings
from ingest.doors.accounts import want_doors

Say = Callable[[str], None]
HEARD = timedelta(seconds=30)
CONNECTED = text("""
SELECT DISTINCT substr(application_name, 8) FROM pg_stat_activity
WHERE datname = current_database() AND application_name IN ('onemap serve', 'onemap ingest', 'onemap alerts',
  'onemap dispatch', 'onemap doors')
""")
ALIVE = text("SELECT name FROM process_state WHERE seen_at > :since")
RESTORED = "settings-of-backup.env"


@dataclass
class Restored:
    """What came back. `differs` is None where nothing was compared."""

    pictures: int = 0
    differs: list[str] | None = None


def restore(
    place: Place,
    path: Path,
    told: Manifest | None,
    keys: Keys,
    who: str,
    now: datetime,
    say: Say,
    *,
    verify: bool,
) -> Restored:
    """Replace the database in one transaction, add pictures and what the state folder held; `told` is what the checked
    file says of itself. SetupError, and the database is as it was, where that is not possible."""
    settings = place.settings
    engine = make_engine(settings, pool_size=2, name="onemap restore", migrator=True)
    try:
        prepare(settings)
        refuse_while_running(engine, now)
        done = Restored()
        with tempfile.TemporaryDirectory(prefix="onemap-restore-", dir=place.scratch()) as folder:
            dump = path if told is None else take_out(path, keys, Path(folder))
            say("replacing the database")
            database.bring_back(settings, engine, dump)
        if verify and told is not None:
            say("comparing every table with the backup")
            done.differs = database.compare(engine, told.tables, told.sequences)
        say("bringing the tables up to date")
        finish(settings, engine, path.name, who, now)
    finally:
        engine.dispose()
    if told is not None:
        put_back(place, path, keys, done)
    return done


def manifest_of(path: Path, keys: Keys, say: Say) -> Manifest | None:
    """What a backup says of itself, after all of it was read and found whole; None for a bare dump of an earlier
    version. InputError where it is damaged, locked, or made by a newer version."""
    if not path.is_file():
        raise InputError(f"path: {path} is not there", field="path")
    if archive.is_bare_dump(path):
        say("an earlier version's backup: the database alone, nothing to compare it with")
        return None
    say("checking the file")
    raw = archive.check(path, keys)
    try:
        told = Manifest.model_validate_json(raw)
    except ValidationError as exc:
        raise InputError(
            f"path: {path} is a backup that we cannot read: {exc.errors()[0]['msg']}", field="path"
        ) from exc
    if told.format > FORMAT or not is_known(told.revision):
        raise InputError(
            f"path: {path} was made by a newer version of OneMap (tables {told.revision}); upgrade first", field="path"
        )
    return told


def is_known(revision: str) -> bool:
    try:
        return ScriptDirectory.from_config(alembic_config("postgresql://")).get_revision(revision) is not None
    except CommandError:
        return False


def refuse_while_running(engine: Engine, now: datetime) -> None:
    """SetupError where processes of ours work in this database: what they hold in memory would be another city's."""
    with engine.connect() as conn:
        running = set(conn.scalars(CONNECTED))
        if not is_superuser(conn) and conn.scalar(text("SELECT to_regclass('public.process_state')")) is not None:
            # whose connections they are is not shown to everybody
            running |= set(conn.scalars(ALIVE, {"since": now - HEARD}))
    if running:
        raise SetupError(
            f"these processes work in this database: {', '.join(sorted(running))}. Stop them, wait {HEARD.seconds} s, "
            "then restore",
            reason="running",
        )


def take_out(path: Path, keys: Keys, folder: Path) -> Path:
    """The dump, as a file that only we can read."""
    with archive.reading(path, keys) as members:
        for name, content in members:
            if name == DUMP:
                target = folder / DUMP
                with target.open("wb") as out:
                    shutil.copyfileobj(content, out, 1 << 20)
                return target
    raise InputError(f"path: {path} holds no database", field="path")


def finish(settings: Settings, engine: Engine, name: str, who: str, now: datetime) -> None:
    """Tables, roles and rights of this version; the broker is told its accounts again; who did it is written down."""
    migrate(settings)
    with engine.begin() as conn:
        seed(conn, now)
        want_doors(conn)
        # who was alive when the backup was made is not now
        conn.execute(text("DELETE FROM process_state"))
        audit.write(conn, who, "database.restore", now, {"file": name})
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(text("ANALYZE"))
    except DBAPIError as exc:
        raise SetupError(f"the database is restored, but ANALYZE failed: {exc}", reason="restore") from exc


def put_back(place: Place, path: Path, keys: Keys, done: Restored) -> None:
    """The files of the state folder, and pictures that are lacking, which come last in a backup."""
    store = Pictures(place.settings.pictures_url, place.state)
    with archive.reading(path, keys) as members:
        for name, content in members:
            if picture := files.PICTURE.match(name):
                put_picture(place, store, picture[1], content)
                done.pictures += not name.endswith(files.THUMB)
            elif name == files.SETTINGS:
                files.write_private(place.state / RESTORED, content, place.owner_of(place.state))
            elif (own := files.place_of(name, place.state, place.services)) and place.has_services:
                files.write_private(own, content, place.owner_of(own.parent))


def put_picture(place: Place, store: Pictures, name: str, content: IO[bytes]) -> None:
    """Where pictures lie here, in a folder or in `store`. SetupError where that does not take it."""
    folder = files.picture_folder(place.settings, place.state)
    if folder is None:
        try:
            store.bring(name, content.read())
        except Unavailable as exc:
            raise SetupError(
                f"all but pictures is restored: {exc.message}; mend that and restore once more", reason="restore"
            ) from exc
    elif not (folder / name).exists():
        files.write_private(folder / name, content, place.owner_of(folder))
