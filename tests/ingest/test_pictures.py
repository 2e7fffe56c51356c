"""Snapshots on their way from the rows to the store and out again: no picture is forgotten before the store has it."""

from __future__ import annotations

import hashlib
import io
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine, text

from core.errors import Unavailable
from core.pictures import Pictures
from ingest.arrived import Arrived
from ingest.decoders.jpeg import snapshot_row
from ingest.pictures import AT_ONCE, keep_pictures, move_one
from ingest.writer import Writer
from tests.support import now

DAYS = 30


def draw() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((640, 360), 60).save(out, "JPEG")
    return out.getvalue()


JPEG = draw()


class Away(Pictures):
    """A store that has gone away after `takes` more files."""

    takes = 0

    def _put(self, path: str, body: bytes) -> None:
        if self.takes <= 0:
            raise Unavailable("the picture store does not take pictures: gone")
        self.takes -= 1
        super()._put(path, body)

    def delete(self, sha256: str) -> None:
        raise Unavailable("the picture store does not answer: gone")


def other(number: int) -> bytes:
    """A picture that differs from JPEG in a comment (ITU-T T.81 section B.2.4.5) only."""
    comment = number.to_bytes(4, "big")
    return JPEG[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + JPEG[2:]


def receive(engine: Engine, camera: str, body: bytes, at: datetime) -> str:
    """A snapshot as the ingester writes it."""
    row = snapshot_row(camera, None, None, body)
    with engine.begin() as conn:
        Writer(1).write(conn, [Arrived("t", body, 1, 1, records=[row])], at)
    return hashlib.sha256(body).hexdigest()


def waiting(engine: Engine) -> int:
    with engine.connect() as conn:
        return int(conn.scalar(text("SELECT count(*) FROM snapshot WHERE body IS NOT NULL")) or 0)


def rows(engine: Engine) -> set[tuple[str, str]]:
    with engine.connect() as conn:
        return {(r.camera_id, r.sha256) for r in conn.execute(text("SELECT camera_id, sha256 FROM snapshot"))}


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return Pictures("", tmp_path)


def test_row_forgets_the_bytes_once_the_store_has_them(fresh_engine: Engine, pictures: Pictures) -> None:
    digest = receive(fresh_engine, "cam-001", JPEG, now())
    assert waiting(fresh_engine) == 1
    assert keep_pictures(fresh_engine, pictures, now(), DAYS) is False
    assert waiting(fresh_engine) == 0
    assert pictures.get(digest) == JPEG
    assert rows(fresh_engine) == {("cam-001", digest)}


@pytest.mark.parametrize("takes", [0, 1], ids=["nothing", "the picture but not its thumbnail"])
def test_bytes_stay_while_the_store_is_away_and_are_moved_when_it_is_back(
    takes: int, fresh_engine: Engine, pictures: Pictures, tmp_path: Path
) -> None:
    digests = [receive(fresh_engine, "cam-001", other(n), now()) for n in range(3)]
    away = Away("", tmp_path)
    away.takes = takes
    assert keep_pictures(fresh_engine, away, now(), DAYS) is False
    assert waiting(fresh_engine) == 3
    keep_pictures(fresh_engine, pictures, now(), DAYS)
    assert waiting(fresh_engine) == 0
    assert [pictures.get(digest) for digest in digests] == [other(n) for n in range(3)]


def test_oldest_picture_is_moved_first(fresh_engine: Engine, pictures: Pictures) -> None:
    newer = receive(fresh_engine, "cam-001", other(1), now())
    older = receive(fresh_engine, "cam-002", other(2), now() - timedelta(minutes=5))
    assert move_one(fresh_engine, pictures, now())
    assert pictures.get(older) == other(2)
    assert pictures.get(newer) is None


def test_no_more_than_a_bounded_number_is_moved_at_once(fresh_engine: Engine, pictures: Pictures) -> None:
    for number in range(AT_ONCE + 3):
        receive(fresh_engine, "cam-001", other(number), now())
    assert keep_pictures(fresh_engine, pictures, now(), DAYS) is True
    assert waiting(fresh_engine) == 3
    assert keep_pictures(fresh_engine, pictures, now(), DAYS) is False
    assert waiting(fresh_engine) == 0


def test_picture_that_another_ingester_is_moving_is_left_to_it(fresh_engine: Engine, pictures: Pictures) -> None:
    receive(fresh_engine, "cam-001", JPEG, now())
    with fresh_engine.begin() as theirs:
        theirs.execute(text("SELECT 1 FROM snapshot FOR UPDATE"))
        assert move_one(fresh_engine, pictures, now()) is False
    assert move_one(fresh_engine, pictures, now()) is True


def test_old_picture_is_dropped_with_its_row_and_a_younger_one_stays(fresh_engine: Engine, pictures: Pictures) -> None:
    old = receive(fresh_engine, "cam-001", other(1), now() - timedelta(days=DAYS, minutes=1))
    young = receive(fresh_engine, "cam-001", other(2), now() - timedelta(days=DAYS - 1))
    keep_pictures(fresh_engine, pictures, now(), DAYS)
    assert rows(fresh_engine) == {("cam-001", young)}
    assert pictures.get(old) is None
    assert pictures.get(young) == other(2)


def test_old_row_leaves_the_picture_that_another_row_speaks_of(fresh_engine: Engine, pictures: Pictures) -> None:
    long_ago = now() - timedelta(days=DAYS + 1)
    digest = receive(fresh_engine, "cam-001", JPEG, long_ago)
    receive(fresh_engine, "cam-002", JPEG, now())
    keep_pictures(fresh_engine, pictures, now(), DAYS)
    assert rows(fresh_engine) == {("cam-002", digest)}
    assert pictures.get(digest) == JPEG


def test_row_stays_where_the_store_cannot_delete_its_picture(
    fresh_engine: Engine, pictures: Pictures, tmp_path: Path
) -> None:
    digest = receive(fresh_engine, "cam-001", JPEG, now() - timedelta(days=DAYS + 1))
    assert move_one(fresh_engine, pictures, now())
    assert keep_pictures(fresh_engine, Away("", tmp_path), now(), DAYS) is False
    assert rows(fresh_engine) == {("cam-001", digest)}
    keep_pictures(fresh_engine, pictures, now(), DAYS)
    assert rows(fresh_engine) == set()
    assert pictures.get(digest) is None
