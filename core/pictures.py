"""The picture store: JPEGs by the SHA-256 of their bytes, on disk or in S3-compatible storage (obstore), with
thumbnails.

`aa/aabb….jpg` is the picture, `aa/aabb….thumb.jpg` its thumbnail. What is put twice is there once.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url
from PIL import Image, UnidentifiedImageError

from core.errors import SetupError, Unavailable

THUMBNAIL = (320, 240)
# a picture that unpacks to more pixels than this is not drawn: a bomb, not a camera (64 megapixels)
PIXELS = 64_000_000
TIMEOUT = {"timeout": "10s", "connect_timeout": "5s"}


class Pictures:
    """`url` as in ONEMAP_PICTURES_URL; empty: the folder `pictures` in `state_dir`. Errors of the store are
    Unavailable."""

    def __init__(self, url: str, state_dir: Path) -> None:
        self._folder: Path | None = None
        if url.startswith("file://") or not url:
            self._folder = Path(url.removeprefix("file://")) if url else state_dir.resolve() / "pictures"
        self._url = url
        self._made: Any = None

    @property
    def _store(self) -> Any:
        """Made on first use: who has no pictures needs no folder."""
        if self._made is None:
            try:
                if self._folder is not None:
                    self._made = LocalStore(self._folder, mkdir=True)
                else:
                    options: Any = {**TIMEOUT, "allow_http": True}
                    self._made = from_url(self._url, client_options=options, retry_config={"max_retries": 2})
            except (BaseError, ValueError, OSError) as exc:
                message = f"ONEMAP_PICTURES_URL: {str(exc).splitlines()[0][:200]}"
                raise SetupError(message, field="ONEMAP_PICTURES_URL") from exc
        return self._made

    def put(self, sha256: str, body: bytes) -> None:
        """Keep the picture and its thumbnail; durable when it returns."""
        self._put(path_of(sha256), body)
        if (small := thumbnail(body)) is not None:
            self._put(path_of(sha256, thumb=True), small)

    def _put(self, path: str, body: bytes) -> None:
        try:
            obstore.put(self._store, path, body)
            if self._folder is not None:
                for place in (self._folder / path, (self._folder / path).parent):
                    sync(place)
        except (BaseError, OSError) as exc:
            raise Unavailable(f"the picture store does not take pictures: {str(exc).splitlines()[0][:200]}") from exc

    def get(self, sha256: str, *, thumb: bool = False) -> bytes | None:
        """The picture's bytes; None where it is not there. A thumbnail that could not be made is the picture itself."""
        found = self._get(path_of(sha256, thumb=thumb))
        return self._get(path_of(sha256)) if found is None and thumb else found

    def _get(self, path: str) -> bytes | None:
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as exc:
            raise Unavailable(f"the picture store does not answer: {str(exc).splitlines()[0][:200]}") from exc

    def stored(self) -> Iterator[str]:
        """Paths of all pictures and thumbnails, as the store tells them; never all at once."""
        try:
            for some in obstore.list(self._store):
                yield from (one["path"] for one in some)
        except (BaseError, OSError) as exc:
            raise Unavailable(f"the picture store does not answer: {str(exc).splitlines()[0][:200]}") from exc

    def read(self, path: str) -> bytes | None:
        """What lies at a path of `stored`; None where it has gone."""
        return self._get(path)

    def bring(self, path: str, body: bytes) -> None:
        """Put a file of `stored` back where it is lacking."""
        if not self._is_there(path):
            self._put(path, body)

    def _is_there(self, path: str) -> bool:
        try:
            obstore.head(self._store, path)
        except FileNotFoundError:
            return False
        except (BaseError, OSError) as exc:
            raise Unavailable(f"the picture store does not answer: {str(exc).splitlines()[0][:200]}") from exc
        return True

    def delete(self, sha256: str) -> None:
        for thumb in (False, True):
            try:
                obstore.delete(self._store, path_of(sha256, thumb=thumb))
            except FileNotFoundError:
                continue
            except (BaseError, OSError) as exc:
                raise Unavailable(f"the picture store does not answer: {str(exc).splitlines()[0][:200]}") from exc


def sync(place: Path) -> None:
    """The file's bytes, or the folder's names, onto the disk."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def path_of(sha256: str, *, thumb: bool = False) -> str:
    return f"{sha256[:2]}/{sha256}{'.thumb' if thumb else ''}.jpg"


def thumbnail(body: bytes) -> bytes | None:
    """A small JPEG of the picture; None where the bytes cannot be drawn."""
    try:
        with Image.open(io.BytesIO(body), formats=["JPEG"]) as image:
            if image.width * image.height > PIXELS:
                return None
            image.draft("RGB", THUMBNAIL)
            image.thumbnail(THUMBNAIL)
            out = io.BytesIO()
            image.convert("RGB").save(out, "JPEG", quality=80)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return out.getvalue()
