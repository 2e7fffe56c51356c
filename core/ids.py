"""Keys of events: UUID version 7 (RFC 9562 section 5.7), so that a B-tree grows at its end."""

from __future__ import annotations

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    return uuid_utils.compat.uuid7()
