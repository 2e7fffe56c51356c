"""The audit: who did what, from where, with which result. Append-only; the caller's transaction decides what stays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

from core.texts import visible
from core.viewer import Viewer

Result = Literal["ok", "refused", "failed"]
_WRITE = text("""
INSERT INTO audit (time, who, address, what, result, data)
VALUES (:now, :who, :address, :what, :result, CAST(:data AS jsonb))
""")
NAME_AT_MOST = 64


def write(
    conn: Connection,
    who: str | Viewer,
    what: str,
    now: datetime,
    data: Mapping[str, object] | None = None,
    *,
    address: str | None = None,
    result: Result = "ok",
) -> None:
    """One entry. Who is logged in comes with their address. `what` is a noun and a verb (`alarm.acknowledge`); `data`
    is anything JSON can hold, ids and moments as text."""
    conn.execute(
        _WRITE,
        {
            "now": now,
            "who": visible(who if isinstance(who, str) else who.username)[:NAME_AT_MOST],
            "address": address if isinstance(who, str) else who.address,
            "what": what,
            "result": result,
            "data": json.dumps(data or {}, ensure_ascii=False, default=str).replace("\\u0000", "\\ufffd"),
        },
    )
