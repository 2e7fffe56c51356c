"""What tells this installation from others that may use the same broker: a name, and a secret that its client ids
carry."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Installation:
    """`name` may be seen by anybody; whoever knows `secret` could take our sessions at the broker."""

    name: str
    secret: str

    def client_id(self, prefix: str, part: str) -> str:
        """The MQTT client id of a part of ours: nobody else's is the same, and nobody guesses it."""
        return f"{prefix.replace('/', '-')}-{self.secret[:16]}-{part}"


def read_installation(conn: Connection) -> Installation:
    row = conn.execute(text("SELECT name, secret FROM installation")).one()
    return Installation(row.name, row.secret)
