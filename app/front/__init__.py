"""What stands before everything: headers of every answer, the names we are known by, plain paths, bounded bodies, and
connections that do not stay for ever (`connections`, below HTTP)."""

from app.front.bodies import Bodies
from app.front.headers import SecurityHeaders
from app.front.hosts import Hosts, known_names
from app.front.paths import PlainPaths

__all__ = ["Bodies", "Hosts", "PlainPaths", "SecurityHeaders", "known_names"]
