"""Asking as a person, for what is read inside a transaction."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from sqlalchemy import Connection

from app.asking import Asking
from app.deps import Parts
from core.viewer import Viewer
from dispatch.routing import load_graph
from tests.support import now


def ask_as(conn: Connection, viewer: Viewer) -> Asking:
    return Asking(conn, viewer, now(), cast(Parts, SimpleNamespace(road_graph=load_graph)))
