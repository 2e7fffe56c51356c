"""/ca.crt: the authority that has signed our certificate, for phones and devices that shall believe it."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.deps import PartsDep
from core.errors import NotFound

router = APIRouter()
MEDIA_TYPE = "application/x-x509-ca-cert"


@router.get("/ca.crt", include_in_schema=False)
def get_authority(parts: PartsDep) -> Response:
    """Anybody may have it: it holds no secret, and a browser that asks does not believe us yet."""
    path = parts.settings.tls_authority
    if path is None:
        raise NotFound("our certificate, if any, comes from an authority that browsers know by themselves")
    headers = {"Content-Disposition": 'attachment; filename="onemap-ca.crt"', "Cache-Control": "no-cache"}
    return Response(path.read_bytes(), media_type=MEDIA_TYPE, headers=headers)
