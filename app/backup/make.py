"""One backup, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.backup import archive, database, files
from app.backup.keys import Keys
from app.backup.nouns import Manifest
from app.backup.place import Place
from core import audit
from core.db import make_engine
from core.errors import InputError, SetupError, Unavailable
from core.migrate import revision_of
from core.pictures import Pictures
from core.process import first_line
from core.settings import Settings

DUMP = "database.dump"


@dataclass(frozen=True, slots=True)
class Made:
    """What was put into the file; `elsewhere` names a picture store that is not in it, `why` says why."""

    path: Path
    size: int
    rows: int
    pictures: int
    elsewhere: str
    why: str = ""


def open_store(settings: Settings, state: Path, *, wanted: bool) -> tuple[Pictures | None, str]:
    """The store of its own that pictures lie in, where they are wanted and it answers; else why it is left out."""
    if not wanted:
        return None, "not wanted"
    store = Pictures(settings.pictures_url, state)
    try:
        next(store.stored(), None)
    except (Unavailable, SetupError) as exc:
        return None, exc.message
    return store, ""


def make(place: Place, path: Path, keys: Keys, who: str, now: datetime, *, pictures: bool = True) -> Made:
    """Write the backup to `path`, with or without `pictures`. InputError where that is no place for a file, SetupError
    where something of it cannot be read; `path`
    is then as it was. A picture store that does not answer at the beginning is left out, and that is said."""
    if path.is_dir():
        raise InputError(f"path: {path} is a folder; expected the file to write, or --every TIME", field="path")
    if not path.parent.is_dir():
        raise SetupError(f"path: the folder {path.parent} is not there", field="path")
    settings = place.settings
    folder_of = files.picture_folder(settings, place.state)
    found = list(files.pictures_in(folder_of)) if folder_of and pictures else []
    count = sum(not name.endswith(files.THUMB) for name, _ in found)
    store, why = (None, "") if folder_of and pictures else open_store(settings, place.state, wanted=pictures)
    engine = make_engine(settings, pool_size=2, name="onemap backup", migrator=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".onemap-backup-", dir=path.parent) as folder:
            dumped = Path(folder) / DUMP
            with database.snapshot(engine) as (conn, seen):
                revision = revision_of(conn)
                if revision is None:
                    raise SetupError("the database has no tables yet: ./onemap migrate", reason="backup")
                sequences = database.read_sequences(conn)
                database.dump(settings.need_migrator(), seen, dumped)
                tables = database.read_tables(conn)
                told = Manifest(
                    made_at=now,
                    database=str(conn.scalar(text("SELECT current_database()"))),
                    revision=revision,
                    server=str(conn.scalar(text("SHOW server_version"))),
                    tables=tables,
                    sequences=sequences,
                    pictures=(settings.pictures_url or str(folder_of)) if why else "",
                )
            with archive.writing(path, keys) as out:
                out.add_bytes(archive.MANIFEST, told.model_dump_json(indent=1).encode())
                out.add_file(DUMP, dumped)
                for name, file in files.state_files(place.state, place.services):
                    out.add_file(name, file)
                out.add_bytes(files.SETTINGS, files.settings_text(dict(os.environ)).encode())
                for name, file in found:
                    out.add_file(name, file)
                for name, body in files.pictures_stored(store) if store else ():
                    out.add_bytes(name, body)
                    count += not name.endswith(files.THUMB)
        rows = sum(one.rows for one in tables.values())
        with engine.begin() as conn:
            audit.write(conn, who, "database.backup", now, {"file": path.name, "rows": rows, "pictures": count})
    except Unavailable as exc:
        raise SetupError(f"pictures cannot be read: {exc.message}", reason="backup") from exc
    except SQLAlchemyError as exc:
        raise SetupError(f"the database cannot be read: {first_line(exc)}", reason="backup") from exc
    finally:
        engine.dispose()
    return Made(path, path.stat().st_size, rows, count, told.pictures, why)
