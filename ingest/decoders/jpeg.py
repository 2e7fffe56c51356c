"""Snapshots: JPEG bytes as a record."""

from __future__ import annotations

import hashlib

from core.errors import DecodeError
from core.types import DEVICE_ID
from ingest.decoders.base import invalid
from ingest.records import SnapshotRow

JPEG_START = b"\xff\xd8\xff"  # ITU-T T.81 annex B: start of image, then a marker
MAX_SNAPSHOT = 8 * 2**20


def snapshot_row(camera: str, event: str | None, label: str | None, payload: bytes) -> SnapshotRow:
    """The snapshot's row, known by the SHA-256 of its bytes; DecodeError where it is no JPEG or too large."""
    if not payload.startswith(JPEG_START):
        raise DecodeError("payload: expected a JPEG image", reason="not_jpeg", field="payload")
    if len(payload) > MAX_SNAPSHOT:
        raise DecodeError(f"payload: expected at most {MAX_SNAPSHOT} bytes", reason="too_large", field="payload")
    if event is not None and not DEVICE_ID.fullmatch(event):
        raise invalid("event", "expected the id of a video event")
    return SnapshotRow(camera, hashlib.sha256(payload).hexdigest(), event, label, payload)
