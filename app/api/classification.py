"""/api/classification: how far sensors, cameras and facilities may be shown."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from typing_extensions import TypedDict

from app.deps import Conn, Now, Who
from app.seeing import need_own
from core.given import Given
from core.scope import Classification
from core.viewer import Permission
from layers.registers import Classified, classify

router = APIRouter(prefix="/api/classification", tags=["classification"])
NEEDS = {"sensor": Permission.SENSOR_MANAGE, "camera": Permission.SENSOR_MANAGE, "facility": Permission.LAYER_EDIT}
ThingId = Annotated[str, Path(min_length=1, max_length=200)]


class ClassificationIn(Given):
    classification: Classification


class ClassificationObject(TypedDict):
    """What a thing is classified as: 0 open, 1 internal, 2 secret."""

    type: str
    id: str
    classification: int


@router.put("/{kind}/{identity}")
def put_classification(
    conn: Conn, who: Who, now: Now, kind: Classified, identity: ThingId, body: ClassificationIn
) -> ClassificationObject:
    """At most what one may see oneself. What hangs on the thing follows: readings, alarms, video events, pictures, its
    past."""
    who.require(NEEDS[kind])
    level = need_own(who, body.classification)
    classify(conn, kind, identity, level, who, now)
    return {"type": kind, "id": identity, "classification": level}
