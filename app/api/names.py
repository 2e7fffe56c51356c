"""/api/names: what sensors, cameras and units are called."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import Field
from typing_extensions import TypedDict

from app.deps import Conn, Now, Who
from app.seeing import need_seen
from core import audit
from core.given import Given
from core.viewer import Permission
from core.vocabulary import Text
from dispatch.present import read_units
from dispatch.units import rename_unit
from layers.registers import rename

router = APIRouter(prefix="/api/names", tags=["names"])
ThingId = Annotated[str, Path(min_length=1, max_length=200)]
# one line: a name stands in lists, on buttons and on the map
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\n\r\t]*\S[^\n\r\t]*$")]


class NamesIn(Given):
    name_zh: Title
    name_en: Title


class NamedObject(TypedDict):
    type: str
    id: str
    names: Text


@router.put("/{kind}/{identity}")
def put_names(
    conn: Conn, who: Who, now: Now, kind: Literal["sensor", "camera", "unit"], identity: ThingId, body: NamesIn
) -> NamedObject:
    """Its id stays; alarms and incidents that have been told keep the name that was theirs then."""
    who.require(Permission.SENSOR_MANAGE)
    names = {"zh": body.name_zh.strip(), "en": body.name_en.strip()}
    if kind == "unit":
        need_seen(who, "unit", read_units(conn, [identity]), identity)
        rename_unit(conn, identity, names, who.username, now)
    else:
        rename(conn, kind, identity, names, who, now)
    audit.write(conn, who, f"{kind}.rename", now, {kind: identity, **names})
    return {"type": kind, "id": identity, "names": names}
