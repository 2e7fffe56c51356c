"""The one exception tree. Every error carries a machine-readable `reason` and a sentence a person can act on.

OneMapError
  ├── InputError        what was given cannot be used; names the field and what was expected
  │     └── DecodeError bytes from outside that cannot be read; ends in a dead letter
  ├── NotFound          there is no such thing
  ├── Conflict          the thing changed meanwhile, or the step is not allowed from here
  ├── Forbidden         the asker may not
  ├── Unauthenticated   nobody we know asks
  ├── SetupError        this machine lacks something; says what to do
  ├── TooMany           this asker has asked too often
  └── Unavailable       a part we need does not answer now
"""

from __future__ import annotations

from collections.abc import Mapping

# reason of a Conflict with what others did at the same moment: nothing was changed, and the same may succeed now
LOST_RACE = "lost_race"


class OneMapError(Exception):
    """Base of every error we raise: `reason` for machines, the message for programs and logs, `field` where one is at
    fault. What people are told goes by the reason (`error.…` of core/i18n/page.json); `about` fills in its fields, in
    both languages."""

    reason = "error"
    # after how long asking once more may help
    retry_s: int | None = None

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        field: str | None = None,
        about: Mapping[str, dict[str, str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or type(self).reason
        self.field = field
        self.about = dict(about or {})


class InputError(OneMapError):
    """Who says no more than the field has that at least in what people are told."""

    reason = "invalid_input"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        field: str | None = None,
        about: Mapping[str, dict[str, str]] | None = None,
    ) -> None:
        if field and not about and reason in (None, InputError.reason):
            about = {"field": {"zh": field, "en": field}}
        super().__init__(message, reason=reason, field=field, about=about)


class DecodeError(InputError):
    """`once` names the thing that is at fault, where its every message is: it is told once a day, with a count."""

    reason = "undecodable"

    def __init__(
        self, message: str, *, reason: str | None = None, field: str | None = None, once: str | None = None
    ) -> None:
        super().__init__(message, reason=reason, field=field)
        self.once = once


class NotFound(OneMapError):
    reason = "not_found"


class Conflict(OneMapError):
    reason = "conflict"


class Forbidden(OneMapError):
    reason = "forbidden"


class Unauthenticated(OneMapError):
    reason = "unauthenticated"


class SetupError(OneMapError):
    reason = "setup"


class TooMany(OneMapError):
    reason = "rate_limited"
    retry_s = 60


class Unavailable(OneMapError):
    reason = "unavailable"
    retry_s = 5
