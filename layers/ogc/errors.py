"""What OGC API answers with 400 where our own API says 422."""

from core.errors import InputError


class BadRequest(InputError):
    """A parameter that is not known, or whose value cannot be (17-069r4, section 7.5)."""
