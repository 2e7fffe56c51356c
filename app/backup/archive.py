"""The file of a backup: a tar whose first member is the manifest and whose last one has the SHA-256 of all others;
encrypted, if wished, in the format of age (age-encryption.org/v1).

With recipients it is one age file: who makes backups cannot read them. With a passphrase the tar holds two members,
`key.age` (an age identity, encrypted with the passphrase) and `backup.age` (encrypted to it): `age -d key.age`, then
`age -d -i` opens them without us.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import pyrage

from app.backup.keys import Keys
from core.errors import InputError

MANIFEST, SUMS = "manifest.json", "sha256.json"
KEY, BODY = "key.age", "backup.age"
AGE, PGDUMP = b"age-encryption.org/v1", b"PGDMP"
# a tar tells its kind at this place
TAR_AT, TAR = 257, b"ustar"


# --- writing ----------------------------------------------------------------------------------------------------------


@dataclass
class Writing:
    """A backup that is being written, member by member."""

    _tar: tarfile.TarFile
    sums: dict[str, str] = field(default_factory=dict)

    def add_bytes(self, name: str, body: bytes) -> None:
        self._add(name, io.BytesIO(body), len(body))

    def add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as source:
            self._add(name, source, os.fstat(source.fileno()).st_size)

    def _add(self, name: str, source: IO[bytes], size: int) -> None:
        counted = _Counted(source)
        _put(self._tar, name, cast(IO[bytes], counted), size)
        self.sums[name] = counted.hash.hexdigest()


class _Counted:
    """Reads from another and sums up what was read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self.hash = source, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        part = self._source.read(size)
        self.hash.update(part)
        return part


@contextmanager
def writing(path: Path, keys: Keys) -> Iterator[Writing]:
    """Write to `path`, which is there, whole and only its owner's, when the block has ended well; else nothing is.
    InputError where its folder takes none."""
    part = path.with_name(f".{path.name}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as exc:
        raise InputError(f"path: {path} cannot be written: {exc.strerror}", field="path") from exc
    try:
        with os.fdopen(descriptor, "wb") as out:
            with _encrypted(out, keys, path.parent) as target, tarfile.open(fileobj=target, mode="w|") as tar:
                made = Writing(tar)
                yield made
                made.add_bytes(SUMS, json.dumps(made.sums, indent=1).encode())
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _encrypted(out: IO[bytes], keys: Keys, folder: Path) -> Iterator[IO[bytes]]:
    if keys.passphrase:
        own = pyrage.x25519.Identity.generate()
        with tempfile.TemporaryFile(dir=folder) as body:
            with _age(body, [own.to_public()]) as target:
                yield target
            size = body.tell()
            body.seek(0)
            with tarfile.open(fileobj=out, mode="w|") as tar:
                sealed = pyrage.passphrase.encrypt(str(own).encode(), keys.passphrase)
                _put(tar, KEY, io.BytesIO(sealed), len(sealed))
                _put(tar, BODY, body, size)
    elif keys.recipients:
        with _age(out, list(keys.recipients)) as target:
            yield target
    else:
        yield out


def _put(tar: tarfile.TarFile, name: str, body: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(time.time())
    tar.addfile(member, body)


@contextmanager
def _age(out: IO[bytes], recipients: list[pyrage.x25519.Recipient]) -> Iterator[IO[bytes]]:
    def carry(source: IO[bytes]) -> None:
        pyrage.encrypt_io(source, out, recipients)

    with _through(carry) as target:
        yield target


@contextmanager
def _through(carry: Callable[[IO[bytes]], None]) -> Iterator[IO[bytes]]:
    """What is written is read by `carry` in a thread; its fault is raised at the end."""
    ours, theirs = os.pipe()
    faults: list[BaseException] = []

    def work() -> None:
        with os.fdopen(ours, "rb") as source:
            try:
                carry(source)
            except BaseException as exc:  # noqa: BLE001 - raised where the block ends
                faults.append(exc)
                while source.read(1 << 20):  # who writes must not hang
                    pass

    thread = threading.Thread(target=work, name="backup", daemon=True)
    thread.start()
    try:
        with os.fdopen(theirs, "wb") as target:
            yield target
    finally:
        thread.join()
    if faults:
        raise faults[0]


# --- reading ----------------------------------------------------------------------------------------------------------


def is_bare_dump(path: Path) -> bool:
    """A backup of an earlier version: pg_dump's file and nothing around it."""
    with path.open("rb") as source:
        return source.read(len(PGDUMP)) == PGDUMP


@contextmanager
def reading(path: Path, keys: Keys) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """(name, content) of each member in order, read once. InputError where the file is none of ours, is encrypted and
    the key is lacking or another, or is damaged."""
    try:
        with (
            path.open("rb") as source,
            _decrypted(source, path, keys) as plain,
            tarfile.open(fileobj=plain, mode="r|") as tar,
        ):
            yield _members(tar)
    except (tarfile.TarError, pyrage.DecryptError, EOFError) as exc:
        raise InputError(f"path: {path} is damaged or not a backup: {exc}", field="path") from exc


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in tar:
        content = tar.extractfile(member) if member.isreg() else None
        if content is None:
            raise tarfile.ReadError(f"{member.name!r} is no file")
        yield member.name, content


@contextmanager
def _decrypted(source: IO[bytes], path: Path, keys: Keys) -> Iterator[IO[bytes]]:
    head = source.read(TAR_AT + len(TAR))
    source.seek(0)
    if head.startswith(AGE):
        if not keys.identities:
            raise InputError(
                f"--identity: {path} is encrypted to recipients: name the file of an identity", field="--identity"
            )
        with _opened(source, list(keys.identities), path) as plain:
            yield plain
        return
    if head[TAR_AT:] != TAR:
        raise InputError(f"path: {path} is not a backup", field="path")
    if not head.startswith(KEY.encode() + b"\0"):
        yield source
        return
    if not keys.passphrase:
        raise InputError(f"--passphrase-file: {path} is encrypted with a passphrase", field="--passphrase-file")
    with tarfile.open(fileobj=source, mode="r:") as tar:
        try:
            sealed = tar.extractfile(KEY)
            body = tar.extractfile(BODY)
            assert sealed is not None
            assert body is not None
            own = pyrage.passphrase.decrypt(sealed.read(), keys.passphrase)
        except (KeyError, pyrage.DecryptError) as exc:
            raise InputError("--passphrase-file: the passphrase is another", field="--passphrase-file") from exc
        with _opened(body, [pyrage.x25519.Identity.from_str(own.decode())], path) as plain:
            yield plain


@contextmanager
def _opened(source: IO[bytes], identities: list[pyrage.x25519.Identity], path: Path) -> Iterator[IO[bytes]]:
    """What `source` decrypts to, as it is read. A fault in the middle is raised, not taken for the end."""
    ours, theirs = os.pipe()
    faults: list[BaseException] = []

    def work() -> None:
        # closing writes what is left: who reads may have enough
        with contextlib.suppress(BrokenPipeError), os.fdopen(theirs, "wb") as target:
            try:
                pyrage.decrypt_io(source, target, identities)
            except BrokenPipeError:
                pass
            except BaseException as exc:  # noqa: BLE001 - raised where it is read, which must know before it sees the end
                faults.append(exc)

    thread = threading.Thread(target=work, name="backup", daemon=True)
    thread.start()
    with os.fdopen(ours, "rb") as plain:
        try:
            yield plain
        except (tarfile.TarError, EOFError):
            if not faults:
                raise
        finally:
            plain.close()
            thread.join()
    if faults:
        raise InputError(f"path: {path} is damaged, or encrypted to another key: {faults[0]}", field="path")


def check(path: Path, keys: Keys) -> bytes:
    """Read the whole file once, compare every member with its sum; the manifest. InputError where anything is amiss:
    nothing is brought back of a damaged backup."""
    sums: dict[str, str] = {}
    told: dict[str, str] | None = None
    manifest = b""
    with reading(path, keys) as members:
        for name, content in members:
            if name == SUMS:
                told = json.loads(content.read())
                continue
            summed = hashlib.sha256()
            while part := content.read(1 << 20):
                summed.update(part)
                if name == MANIFEST:
                    manifest += part
            sums[name] = summed.hexdigest()
    if told is None or not manifest:
        raise InputError(f"path: {path} is not whole: its end is missing", field="path")
    wrong = sorted(name for name in told.keys() | sums.keys() if told.get(name) != sums.get(name))
    if wrong:
        raise InputError(f"path: {path} is damaged: {', '.join(wrong[:5])}", field="path")
    return manifest
