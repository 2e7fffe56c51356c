"""The page's font cut to the characters that this city's page writes.

The browser library has it whole (1.2 MB a weight) or in a hundred parts by ranges of characters, of which a page takes
some fifty for a few characters each. One file of what the catalogue and the city's names are written with takes their
place (a tenth of it); what is not in it still comes from the parts. Cut once per set of characters, in a process of its
own (`python -m app.fonts`), into the state folder.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import closing
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI
from sqlalchemy import Connection, text
from starlette.responses import FileResponse, PlainTextResponse, Response

from app.index import FONT_FAMILY, FONT_WEIGHTS
from app.services.ending import ending_with_parent
from app.serving import FOR_EVER, REVALIDATE
from core.db import make_engine
from core.log import get_log
from core.settings import Settings, load_settings

log = get_log("fonts")
FOLDER = "fonts"
LIBRARY = Path(__file__).resolve().parents[1] / "node_modules" / "@fontsource" / "noto-sans-sc" / "files"
SHEET = "page.css"
# where Chinese, Japanese and Korean begin: the letters before come in parts of their own, shared by all pages
FIRST = 0x2E80
# the log-in page has the font too: nothing that is not for all
NAMES = text(
    """
SELECT name_zh FROM district UNION SELECT name_zh FROM street UNION SELECT name_zh FROM unit UNION
SELECT name_zh FROM source UNION SELECT name_zh FROM sensor WHERE classification = 0 UNION
SELECT name_zh FROM camera WHERE classification = 0 UNION
(SELECT (titles->>'zh') || coalesce(address, '') FROM incident WHERE classification = 0
  ORDER BY opened_at DESC LIMIT 5000)
"""
)


def characters(texts: Iterable[str]) -> list[int]:
    """Their code points from FIRST on, in order."""
    return sorted({ord(c) for words in texts for c in words if ord(c) >= FIRST})


def ranges(codes: list[int]) -> str:
    """As CSS `unicode-range` (CSS Fonts 4 section 4.5)."""
    runs: list[list[int]] = []
    for code in codes:
        if runs and code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return ",".join(f"U+{a:x}" if a == b else f"U+{a:x}-{b:x}" for a, b in runs)


def written(conn: Connection) -> list[int]:
    """What the page is written with: its catalogues and tables of words, the names of this city, what was reported
    lately."""
    tables = [
        one for part in ("i18n", "data") for one in (files("core") / part).iterdir() if one.name.endswith(".json")
    ]
    return characters([*(one.read_text("utf-8") for one in tables), *filter(None, conn.scalars(NAMES))])


def cut(codes: list[int], library: Path, folder: Path) -> Path:
    """Files of all weights and their style sheet in `folder`, whose path is given; nothing is made twice."""
    name = blake2b(ranges(codes).encode(), digest_size=8).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    faces = []
    for weight in FONT_WEIGHTS:
        target = folder / f"{name}-{weight}.woff2"
        if not target.exists():
            _cut_one(codes, library / f"noto-sans-sc-chinese-simplified-{weight}-normal.woff2", target)
        faces.append(
            f"@font-face {{ font-family: '{FONT_FAMILY}'; font-style: normal; font-weight: {weight}; "
            f"font-display: swap; src: url(/{FOLDER}/{target.name}) format('woff2'); unicode-range: {ranges(codes)}; }}"
        )
    sheet = folder / SHEET
    _replace(sheet, "\n".join(faces).encode())
    for old in folder.glob("*.woff2"):
        if not old.name.startswith(name):
            old.unlink(missing_ok=True)
    return sheet


def _cut_one(codes: list[int], source: Path, target: Path) -> None:
    from fontTools import subset

    options = subset.Options()
    options.flavor = "woff2"
    options.layout_features = ["*"]
    part = target.with_suffix(f".{os.getpid()}")
    with closing(subset.load_font(str(source), options)) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=codes)
        cutter.subset(font)
        subset.save_font(font, str(part), options)
    part.replace(target)


def _replace(target: Path, content: bytes) -> None:
    part = target.with_suffix(f".{os.getpid()}")
    part.write_bytes(content)
    part.replace(target)


def add_fonts(app: FastAPI, settings: Settings) -> None:
    """``/fonts/page.css``, empty until the fonts are cut, and ``/fonts/<name>.woff2``."""
    folder = settings.state_dir / FOLDER
    router = APIRouter(include_in_schema=False)

    @router.get(f"/{FOLDER}/{SHEET}")
    async def sheet() -> Response:
        path = folder / SHEET
        kept = {"Cache-Control": REVALIDATE}
        if not path.exists():
            return PlainTextResponse("", media_type="text/css", headers=kept)
        return FileResponse(path, media_type="text/css", headers=kept)

    @router.get(f"/{FOLDER}/{{name}}.woff2")
    async def font(name: str) -> Response:
        path = folder / f"{name}.woff2"
        if not name.replace("-", "").isalnum() or not path.exists():
            return PlainTextResponse("there is no such font\n", 404)
        return FileResponse(path, media_type="font/woff2", headers={"Cache-Control": FOR_EVER})

    app.include_router(router)


def start_cutting() -> None:
    """In a process of its own: it takes some seconds of a core."""
    threading.Thread(target=_run, name="fonts", daemon=True).start()


def _run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.fonts"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=ending_with_parent(signal.SIGTERM),
    )
    if done.returncode:  # the page has the parts
        log.warning("fonts_not_cut", error=done.stderr.strip()[-500:])


def main() -> None:
    """Behind everything else that the machine does."""
    os.nice(15)
    settings = load_settings()
    engine = make_engine(settings, pool_size=1, name="onemap fonts")
    with engine.connect() as conn:
        codes = written(conn)
    engine.dispose()
    cut(codes, LIBRARY, settings.state_dir / FOLDER)


if __name__ == "__main__":
    main()
