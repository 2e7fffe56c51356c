"""What a backup holds beside the database: pictures, and what the state folder of `up` has that a new one would not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from app.services.account import RunAs
from core.pictures import Pictures
from core.settings import Settings

# ids of pictures are sums: core/pictures
PICTURE = re.compile(r"^pictures/([0-9a-f]{2}/[0-9a-f]{64}(\.thumb)?\.jpg)$")
THUMB = ".thumb.jpg"
PICTURES, STATE, SETTINGS = "pictures/", "state/", "settings.env"
# the demo logins that are printed, the ports devices know, our accounts at the broker, the local authority
KEPT = ("logins.json", "ports.json", "tls/ca.crt", "tls/ca.key", "tls/server.crt", "tls/server.key")
BROKER = "mosquitto.json"


def picture_folder(settings: Settings, state: Path) -> Path | None:
    """None where pictures lie in a store of their own."""
    url = settings.pictures_url
    if not url:
        return state / "pictures"
    return Path(url.removeprefix("file://")) if url.startswith("file://") else None


def pictures_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """(member, file) of each picture and thumbnail."""
    for path in sorted(folder.glob("??/*.jpg")):
        name = f"{PICTURES}{path.relative_to(folder).as_posix()}"
        if PICTURE.match(name):
            yield name, path


def pictures_stored(store: Pictures) -> Iterator[tuple[str, bytes]]:
    """(member, bytes) of each picture and thumbnail in a store of its own, one after the other."""
    for path in store.stored():
        body = store.read(path) if PICTURE.match(f"{PICTURES}{path}") else None
        if body is not None:
            yield f"{PICTURES}{path}", body


def state_files(state: Path, services: Path) -> Iterator[tuple[str, Path]]:
    """(member, file) of what there is of them."""
    for name in (*KEPT, BROKER):
        path = services / name if name == BROKER else state / name
        if path.is_file():
            yield f"{STATE}{name}", path


def settings_text(environment: dict[str, str]) -> str:
    """The settings of whoever makes the backup, as an `.env` file. Addresses with passwords are of this machine."""
    own = {k: v for k, v in sorted(environment.items()) if k.startswith(("ONEMAP_", "AWS_")) and v}
    return "".join(f"{key}={value}\n" for key, value in own.items())


def place_of(member: str, state: Path, services: Path) -> Path | None:
    """Where a member of the state folder belongs; None for one that we do not know."""
    name = member.removeprefix(STATE)
    if not member.startswith(STATE) or name not in (*KEPT, BROKER):
        return None
    return services / name if name == BROKER else state / name


def write_private(path: Path, content: IO[bytes], owner: RunAs) -> None:
    """Replace `path` in one step; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        while block := content.read(1 << 20):
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    owner.own(part)
    part.replace(path)
