"""What tells this installation from others that may use the same broker: a secret that its client ids carry."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, text

_READ = text("""
SELECT secret, system_identifier || ' ' || current_database() AS database FROM installation, pg_control_system()
""")


@dataclass(frozen=True, slots=True)
class Installation:
    """Whoever knows the secret could take our sessions at the broker. `database` names where it lives: what was told
    from there before was told by us, before a restore or a fresh start brought another secret."""

    secret: str
    database: str = ""

    @property
    def place(self) -> str:
        """`database`, told to others."""
        return hashlib.sha256(f"onemap {self.database}".encode()).hexdigest()[:16]

    @property
    def public_id(self) -> str:
        """What others may know it by: nothing of the secret can be read in it."""
        return hashlib.sha256(f"onemap {self.secret}".encode()).hexdigest()[:16]

    def client_id(self, prefix: str, part: str) -> str:
        """The MQTT client id of a part of ours: nobody else's is the same, and nobody guesses it."""
        return f"{prefix.replace('/', '-')}-{self.secret[:16]}-{part}"


def read_installation(conn: Connection) -> Installation:
    row = conn.execute(_READ).one()
    return Installation(row.secret, row.database)
