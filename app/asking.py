"""How a callback reaches the database: as the person who asks, in one transaction, in a thread.

A callback over HTTP runs in the event loop, which must never wait for PostgreSQL. What a person may not do raises
Forbidden here as it does behind the API, and is written down like there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import anyio.to_thread
from dash import Dash
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.deps import Parts
from core import audit
from core.clock import utc_now
from core.errors import Forbidden
from core.log import get_log
from core.process import transact
from core.viewer import Viewer

log = get_log("serve")
T = TypeVar("T")
# what is done for who must change their password first
CHANGING = "app.pages.me"


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, when, and the transaction in which they are answered."""

    conn: Connection
    viewer: Viewer
    now: datetime
    parts: Parts

    @property
    def prefix(self) -> str:
        return self.parts.settings.topic_prefix


class Door:
    """`await door.ask(work, *args)` gives `work(asking, *args)`, committed; rolled back where it raises, and done again
    where it lost a race with others."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._app: Dash | None = None

    def open(self, app: Dash) -> None:
        """Callbacks of `app` may come in from now on."""
        self._app = app

    def viewer(self) -> Viewer:
        """Whom the middleware has let in with this request."""
        assert self._app is not None
        found: Viewer = self._app.backend.request_adapter().context.viewer
        return found

    @property
    def parts(self) -> Parts:
        return self._parts

    async def ask(self, work: Callable[..., T], *args: Any) -> T:
        if self.viewer().must_change and not work.__module__.startswith(CHANGING):
            raise Forbidden("change your password first", reason="password_change")
        async with self._parts.turn():
            return await anyio.to_thread.run_sync(partial(self._answer, self.viewer(), work, args))

    def _answer(self, viewer: Viewer, work: Callable[..., T], args: tuple[Any, ...]) -> T:
        try:
            return transact(self._parts.engine, lambda conn: work(Asking(conn, viewer, utc_now(), self._parts), *args))
        except Forbidden as exc:
            self._write_refusal(viewer, work, exc)
            raise

    def _write_refusal(self, viewer: Viewer, work: Callable[..., Any], exc: Forbidden) -> None:
        data = {"page": f"{work.__module__}.{work.__name__}", "detail": exc.message}
        try:
            with self._parts.engine.begin() as conn:
                audit.write(conn, viewer, "refused", utc_now(), data, result="refused")
        except SQLAlchemyError as failed:  # the answer stands, whether it could be written down or not
            log.error("refusal_not_audited", error=str(failed)[:200])
