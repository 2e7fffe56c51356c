"""Passwords: which ones are refused, how they are kept (argon2id), and a short queue for that work.

One hash takes 64 MiB and a tenth of a second of several cores: sixty people who log in at once would stop everything
else if each had a thread.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from core.errors import InputError, Unavailable

HASHER = PasswordHasher()
MIN_PASSWORD, MAX_PASSWORD = 8, 256
CLASSES = 3
# what a guesser who knows the lists of leaked passwords, keyboards and dates needs on average
GUESSES = 10**8
# guessing is estimated on so many characters: it takes long on more, and more are not common
LOOKED_AT = 40
# a part of a name that is shorter is in many words; in Chinese two characters are a whole name
NAME_PART = 3
OURS = ("onemap", "yizhangtu")
# hashes at once, and people who may wait for theirs
AT_ONCE, WAITING = 2, 32
# verified against when the account does not exist, so that both answers take the same time
_NOBODY = HASHER.hash(secrets.token_hex(16))
T = TypeVar("T")


def check_password(password: str, username: str = "", name: str = "") -> None:
    """At least 8 characters of at least 3 classes (assessors' practice for GB/T 22239-2019 level 2), not the user's
    name, and not one of those that everybody tries first. InputError otherwise."""
    kinds = [any(c.islower() for c in password), any(c.isupper() for c in password), any(c.isdigit() for c in password)]
    kinds.append(any(not c.isalnum() for c in password))
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD or sum(kinds) < CLASSES:
        raise InputError(
            f"password: expected {MIN_PASSWORD} to {MAX_PASSWORD} characters with {CLASSES} of: lower case, upper "
            "case, digit, other",
            field="password",
            reason="weak_password",
        )
    parts = [part.casefold() for part in (username, name, *username.split("."), *name.split())]
    parts = [part for part in parts if len(part) >= (NAME_PART if part.isascii() else 2)]
    if any(part in password.casefold() for part in parts):
        raise InputError(
            "password: expected one without the user's own name", field="password", reason="password_has_name"
        )
    if zxcvbn(password[:LOOKED_AT], user_inputs=[*parts, *OURS])["guesses"] < GUESSES:
        raise InputError(
            "password: this one, or one much like it, is among those that are tried first; expected another",
            field="password",
            reason="common_password",
        )


def hash_password(password: str) -> str:
    return HASHER.hash(password)


def verify(hashed: str | None, password: str) -> bool:
    """Whether it is the password; as much work where there is none."""
    try:
        return HASHER.verify(hashed or _NOBODY, password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


class Hashing:
    """Where the server hashes and verifies: a few at once, a bounded number waiting, the others are told to come
    again. Nobody holds a connection to the database meanwhile."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._limiter = anyio.CapacityLimiter(at_once)
        self._waiting = waiting

    async def verify(self, hashed: str | None, password: str) -> bool:
        return await self._run(lambda: verify(hashed, password))

    async def hash(self, password: str) -> str:
        return await self._run(lambda: hash_password(password))

    def check_room(self) -> None:
        """Raises Unavailable where too many wait already."""
        if self._limiter.statistics().tasks_waiting >= self._waiting:
            raise Unavailable("too many log in at once; try again in some seconds", reason="busy")

    async def _run(self, work: Callable[[], T]) -> T:
        self.check_room()
        async with self._limiter:
            # the limiter holds the place; the thread is one of its own, not of those that answer requests
            return await anyio.to_thread.run_sync(work, limiter=anyio.CapacityLimiter(1))
