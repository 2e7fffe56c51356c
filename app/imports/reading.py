"""Files of strangers are read by a process of their own (`python -m app.imports.work`); here is the end of the line to
it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from app.imports.nouns import Failure, ImportIn, ImportObject, Mode
from core.errors import Conflict, Forbidden, InputError, OneMapError, Unavailable
from core.log import get_log
from core.settings import Settings
from core.viewer import Viewer

log = get_log("imports")
# 200,000 areas take less than one
PATIENCE_S = 900.0
# of a line of the answer: the first thousand refused rows, the plan, some rows
LINE = 32 << 20
KINDS: dict[str, type[OneMapError]] = {kind.__name__: kind for kind in (Conflict, Forbidden, InputError, Unavailable)}
Told = Callable[[int, int | None], None]


async def read(
    settings: Settings, path: Path, given: ImportIn, mode: Mode, who: Viewer, told: Told = lambda done, whole: None
) -> ImportObject:
    """InputError, Conflict or Forbidden as the process says; Unavailable where it fails or takes too long. Cancelled,
    it ends the process: nothing of it is kept then."""
    scope = {name: sorted(one) if isinstance(one, frozenset) else one for name, one in asdict(who.scope).items()}
    asked = {
        "path": str(path),
        "given": given.model_dump(mode="json"),
        "mode": mode,
        "who": who.username,
        "scope": scope,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app.imports.work",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE,
        env={**os.environ, "ONEMAP_DATABASE_URL": settings.need_database()},
    )
    complaints = asyncio.ensure_future(_drain(process))
    try:
        async with asyncio.timeout(PATIENCE_S):
            last = await _follow(process, json.dumps(asked).encode(), told)
            await process.wait()
    except TimeoutError as exc:
        raise Unavailable(
            f"the import took longer than {PATIENCE_S:.0f} s and was ended", reason="import_failed"
        ) from exc
    finally:
        with suppress(ProcessLookupError):
            if process.returncode is None:
                process.kill()
        await process.wait()
        complained = await complaints
    return _answered(last, complained, process.returncode)


async def _drain(process: asyncio.subprocess.Process) -> bytes:
    """The end of what it complains of."""
    assert process.stderr is not None
    kept = b""
    while block := await process.stderr.read(65536):
        kept = (kept + block)[-4000:]
    return kept


async def _follow(process: asyncio.subprocess.Process, asked: bytes, told: Told) -> dict[str, Any]:
    """Its last line."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(asked)
    await process.stdin.drain()
    process.stdin.close()
    last: dict[str, Any] = {}
    async for line in process.stdout:
        last = json.loads(line)
        if "done" in last:
            told(last["done"], last["whole"])
    return last


def _answered(last: dict[str, Any], complained: bytes, code: int | None) -> ImportObject:
    if "answer" in last:
        return cast(ImportObject, last["answer"])
    if "failure" in last:
        raise error_of(last["failure"])
    log.error("import_failed", code=code, error=complained.decode("utf-8", "replace")[-1000:])
    raise Unavailable("the file could not be read to its end; nothing of it was kept", reason="import_failed")


def error_of(failure: Failure) -> OneMapError:
    kind = KINDS.get(failure["kind"], InputError)
    return kind(failure["message"], field=failure["field"], reason=failure["reason"])


def failure_of(exc: OneMapError) -> Failure:
    return {"kind": type(exc).__name__, "message": exc.message, "field": exc.field, "reason": exc.reason}
