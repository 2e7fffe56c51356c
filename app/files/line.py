"""Files of strangers are read, and large ones written, by a process of their own (`app.files.incoming`,
`app.files.outgoing`): one that is made to harm harms nobody else, and the page goes on meanwhile. Both ends of the line
to it are here."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from app.files.nouns import Failure, ImportIn, ImportObject, Mode
from core.errors import Conflict, Forbidden, InputError, NotFound, OneMapError, Unavailable
from core.log import get_log
from core.scope import Classification, Scope
from core.settings import Settings
from core.viewer import Viewer

log = get_log("imports")
# 200,000 areas take less than one
PATIENCE_S = 900.0
# of a line of the answer: the first thousand refused rows, the plan, some rows
LINE = 32 << 20
KNOWN = (Conflict, Forbidden, InputError, NotFound, Unavailable)
KINDS: dict[str, type[OneMapError]] = {kind.__name__: kind for kind in KNOWN}
Told = Callable[[int, int | None], None]


async def read(
    settings: Settings, path: Path, given: ImportIn, mode: Mode, who: Viewer, told: Told = lambda done, whole: None
) -> ImportObject:
    """Have a file read. InputError, Conflict or Forbidden as the process says; Unavailable where it fails or takes too
    long. Cancelled, it ends the process: nothing of it is kept then."""
    asked = {
        "path": str(path),
        "given": given.model_dump(mode="json"),
        "mode": mode,
        "who": who.username,
        "scope": as_told(who.scope),
    }
    return cast(ImportObject, await ask(settings, "app.files.incoming", asked, told))


async def write(
    settings: Settings,
    layer: str,
    path: Path,
    datum: str,
    scope: Scope,
    words: str | None = None,
    box: str | None = None,
) -> int:
    """Have what a scope sees of a layer, as far as a filter (CQL2 text) and a box say, written as a file; how many rows
    that were. InputError, NotFound as the process says; Unavailable where it fails or takes too long."""
    asked = {"layer": layer, "path": str(path), "datum": datum, "scope": as_told(scope), "filter": words, "bbox": box}
    return cast(int, await ask(settings, "app.files.outgoing", asked))


async def write_analysis(settings: Settings, told: Mapping[str, object], path: Path, scope: Scope) -> int:
    """Have what a scope sees of a question (app.analysis.files) written as a file; fails as `write` does."""
    asked = {"analysis": told, "path": str(path), "scope": as_told(scope)}
    return cast(int, await ask(settings, "app.files.outgoing", asked))


def as_told(scope: Scope) -> dict[str, object]:
    """A scope as it goes over the line (`scope_of` reads it)."""
    return {name: sorted(one) if isinstance(one, frozenset) else one for name, one in asdict(scope).items()}


def scope_of(told: Mapping[str, Any]) -> Scope:
    limits = {
        name: None if told[name] is None else frozenset(told[name]) for name in ("departments", "districts", "units")
    }
    return Scope(**limits, classification=Classification(told["classification"]), city=bool(told["city"]))


async def ask(
    settings: Settings,
    module: str,
    asked: Mapping[str, object],
    told: Told = lambda done, whole: None,
    patience_s: float = PATIENCE_S,
) -> Any:
    """The answer of a process of ours. Unavailable where it takes longer than one is patient."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE,
        env={**os.environ, "ONEMAP_DATABASE_URL": settings.need_database()},
    )
    complaints = asyncio.ensure_future(_drain(process))
    try:
        async with asyncio.timeout(patience_s):
            last = await _follow(process, json.dumps(asked).encode(), told)
            await process.wait()
    except TimeoutError as exc:
        message = f"the work took longer than {patience_s:.0f} s and was ended"
        raise Unavailable(message, reason="import_failed") from exc
    finally:
        with suppress(ProcessLookupError):
            if process.returncode is None:
                process.kill()
        await process.wait()
        complained = await complaints
    return _answered(last, complained, process.returncode)


def serve(work: Callable[[dict[str, Any], Told], object]) -> None:
    """The other end: what is asked comes from standard input, lines go to standard output: `{done, whole}` as it goes
    on, at last `{answer}` or `{failure}`. It ends where who asked is not there any more."""
    os.nice(5)
    parent = os.getppid()

    def told(done: int, whole: int | None) -> None:
        if os.getppid() != parent:
            raise SystemExit(1)
        _tell({"done": done, "whole": whole})

    try:
        _tell({"answer": work(json.load(sys.stdin), told)})
    except OneMapError as exc:
        _tell({"failure": failure_of(exc)})


def _tell(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


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


def _answered(last: dict[str, Any], complained: bytes, code: int | None) -> Any:
    if "answer" in last:
        return last["answer"]
    if "failure" in last:
        raise error_of(last["failure"])
    log.error("import_failed", code=code, error=complained.decode("utf-8", "replace")[-1000:])
    raise Unavailable("the file could not be read to its end; nothing of it was kept", reason="import_failed")


def error_of(failure: Failure) -> OneMapError:
    kind = KINDS.get(failure["kind"], InputError)
    return kind(failure["message"], field=failure["field"], reason=failure["reason"], about=failure.get("about"))


def failure_of(exc: OneMapError) -> Failure:
    told: Failure = {
        "kind": type(exc).__name__,
        "message": exc.message,
        "field": exc.field,
        "reason": exc.reason,
        "about": exc.about,
    }
    return told
