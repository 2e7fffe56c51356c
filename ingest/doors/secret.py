"""Secrets of accounts as Mosquitto keeps them: PBKDF2 with SHA-512, `$7$iterations$salt$hash` (mosquitto_passwd(1))."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

# a secret of ours has 144 random bits: no guess is made likelier by a quick hash, and 10,000 accounts are hashed in a
# second
ITERATIONS = 101
SALT_BYTES = 12


def make_secret() -> str:
    """24 characters that are safe in an address."""
    return secrets.token_urlsafe(18)


def hash_secret(secret: str) -> str:
    salt = secrets.token_bytes(SALT_BYTES)
    return _form(ITERATIONS, salt, _digest(secret, salt, ITERATIONS))


def fits(secret: str, kept: str) -> bool:
    """Whether this is the secret that was kept so."""
    _, kind, iterations, salt, digest = kept.split("$")
    given = _digest(secret, base64.b64decode(salt), int(iterations))
    return kind == "7" and hmac.compare_digest(given, base64.b64decode(digest))


def _digest(secret: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, iterations)


def _form(iterations: int, salt: bytes, digest: bytes) -> str:
    return f"$7${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
