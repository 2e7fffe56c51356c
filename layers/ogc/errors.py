"""What OGC API answers with statuses of its own."""

from core.errors import Conflict, InputError


class BadRequest(InputError):
    """400 where our own API says 422: a parameter that is not known, or whose value cannot be (17-069r4, section
    7.5)."""


class Stale(Conflict):
    """412: the version that a request names in `If-Match` is not the one that is there (RFC 9110, section 13.1.1)."""

    reason = "stale_version"


class Unsupported(InputError):
    """415: a body in a format that is not taken."""

    reason = "media_type"
