"""/api/assets: the register of urban components, read, corrected, its past, a correction taken back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from app.api.shapes import Limit, Name, page, parse_number
from app.deps import Conn, Now, Who
from core.given import Given
from core.nouns import Page
from core.viewer import Permission
from layers.assets import Asset, AssetChange, AssetEvent, change_asset, read_asset, read_history, revert_asset

router = APIRouter(prefix="/api/assets", tags=["map"])
AssetId = Annotated[str, Path(min_length=1, max_length=200)]


class RevertIn(Given):
    """Which change is taken back (its `id` of the history), in the version that was seen."""

    event: int = Field(ge=1, le=2**63 - 1)
    version: int = Field(ge=1, le=2**31 - 1)


@router.get("/{asset_id}")
def get_asset(conn: Conn, who: Who, asset_id: AssetId) -> Asset:
    """An urban component (GB/T 30428.2)."""
    who.require(Permission.CITY_READ)
    return read_asset(conn, asset_id, who.scope)


@router.patch("/{asset_id}")
def patch_asset(conn: Conn, who: Who, now: Now, asset_id: AssetId, change: AssetChange) -> Asset:
    """Correct its entry; what was stays known."""
    who.require(Permission.LAYER_EDIT)
    return change_asset(conn, asset_id, change, who, now)


@router.get("/{asset_id}/history")
def get_history(conn: Conn, who: Who, asset_id: AssetId, cursor: Name = None, limit: Limit = 100) -> Page[AssetEvent]:
    """Its changes, the last first."""
    who.require(Permission.CITY_READ)
    read_asset(conn, asset_id, who.scope)
    return page(read_history(conn, asset_id, limit + 1, parse_number(cursor)), limit)


@router.post("/{asset_id}/revert")
def post_revert(conn: Conn, who: Who, now: Now, asset_id: AssetId, body: RevertIn) -> Asset:
    """Bring back what it was before one of its changes."""
    who.require(Permission.LAYER_EDIT)
    return revert_asset(conn, asset_id, body.event, body.version, who, now)
