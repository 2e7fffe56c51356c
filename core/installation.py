"""What tells this installation from others that may use the same broker: a secret that its client ids carry."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Installation:
    """Whoever knows the secret could take our sessions at the broker."""

    secret: str

    @property
    def public_id(self) -> str:
        """What others may know it by: nothing of the secret can be read in it."""
        return hashlib.sha256(f"onemap {self.secret}".encode()).hexdigest()[:16]

    def client_id(self, prefix: str, part: str) -> str:
        """The MQTT client id of a part of ours: nobody else's is the same, and nobody guesses it."""
        return f"{prefix.replace('/', '-')}-{self.secret[:16]}-{part}"


def read_installation(conn: Connection) -> Installation:
    return Installation(conn.execute(text("SELECT secret FROM installation")).scalar_one())
