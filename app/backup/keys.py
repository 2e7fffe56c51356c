"""What locks a backup and opens it: age recipients and identities, or a passphrase for both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyrage

from core.errors import InputError


@dataclass(frozen=True)
class Keys:
    """What encrypts (recipients), or opens (identities): or a passphrase for both. Nothing: a plain backup."""

    passphrase: str = ""
    recipients: tuple[pyrage.x25519.Recipient, ...] = ()
    identities: tuple[pyrage.x25519.Identity, ...] = ()


def read_keys(passphrase_file: Path | None, recipients: list[str], identity_file: Path | None) -> Keys:
    """InputError names the option where one cannot be used."""
    passphrase = ""
    if passphrase_file is not None:
        passphrase = _read(passphrase_file, "--passphrase-file").strip()
        if not passphrase:
            raise InputError(f"--passphrase-file: {passphrase_file} is empty", field="--passphrase-file")
    try:
        to = tuple(pyrage.x25519.Recipient.from_str(one) for one in recipients)
    except pyrage.RecipientError as exc:
        raise InputError(f"--recipient: expected an age recipient (age1...): {exc}", field="--recipient") from exc
    lines = _read(identity_file, "--identity").splitlines() if identity_file else []
    try:
        own = tuple(
            pyrage.x25519.Identity.from_str(line.strip()) for line in lines if line.strip().startswith("AGE-SECRET-KEY")
        )
    except pyrage.IdentityError as exc:
        raise InputError(f"--identity: {identity_file} holds no age identity: {exc}", field="--identity") from exc
    if identity_file and not own:
        raise InputError(f"--identity: {identity_file} holds no AGE-SECRET-KEY", field="--identity")
    if passphrase and to:
        raise InputError("--recipient: give recipients or a passphrase, not both", field="--recipient")
    return Keys(passphrase, to, own)


def _read(path: Path, option: str) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{option}: {path} cannot be read: {exc}", field=option) from exc
