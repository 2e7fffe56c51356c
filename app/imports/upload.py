"""A file that comes over the API: kept on disk while it comes, read by a process of its own (app.imports.work)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import anyio

from app.deps import Parts
from app.imports.nouns import DONE, REFUSED, ImportIn, ImportObject
from core.errors import Conflict, Forbidden, InputError, OneMapError, Unavailable
from core.log import get_log
from core.settings import Settings
from core.viewer import Viewer

log = get_log("imports")
FOLDER = "imports"
# 200,000 areas take less than one
PATIENCE_S = 900.0
KINDS: dict[str, type[OneMapError]] = {kind.__name__: kind for kind in (Conflict, Forbidden, InputError)}


async def import_upload(parts: Parts, body: AsyncIterable[bytes], given: ImportIn, who: Viewer) -> ImportObject:
    """InputError, Conflict or Forbidden as the process says; Unavailable where it fails or takes too long."""
    folder = parts.settings.state_dir.resolve() / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as own:
        # what a person calls it names nothing on disk
        path = Path(own) / f"file{Path(given.name).suffix[:10]}"
        async with await anyio.open_file(path, "wb") as file:
            async for block in body:
                await file.write(block)
        async with parts.importing:
            return await _read(parts.settings, path, given, who)


async def _read(settings: Settings, path: Path, given: ImportIn, who: Viewer) -> ImportObject:
    scope = {name: sorted(one) if isinstance(one, frozenset) else one for name, one in asdict(who.scope).items()}
    asked = {"path": str(path), "given": given.model_dump(mode="json"), "who": who.username, "scope": scope}
    environment = {**os.environ, "ONEMAP_DATABASE_URL": settings.need_database()}
    try:
        with anyio.fail_after(PATIENCE_S):
            done = await anyio.run_process(
                [sys.executable, "-m", "app.imports.work"],
                input=json.dumps(asked).encode(),
                stderr=subprocess.PIPE,
                check=False,
                env=environment,
            )
    except TimeoutError as exc:
        raise Unavailable(
            f"the import took longer than {PATIENCE_S:.0f} s and was ended", reason="import_failed"
        ) from exc
    if done.returncode == DONE:
        return cast(ImportObject, json.loads(done.stdout))
    if done.returncode == REFUSED:
        told = json.loads(done.stdout)
        raise KINDS.get(told["kind"], InputError)(told["message"], field=told["field"], reason=told["reason"])
    log.error("import_failed", code=done.returncode, error=done.stderr.decode("utf-8", "replace")[-1000:])
    raise Unavailable("the file could not be read to its end; nothing of it was kept", reason="import_failed")
