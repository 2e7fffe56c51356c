"""What is said of a subscription at a door, and what is answered."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue
from typing_extensions import TypedDict

from alerts.stages.wanted import Filter
from core.faults import unfit
from core.given import Given
from core.types import JsonObject
from core.vocabulary import Text

INT4 = 2**31 - 1
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
Why = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
Lang = Literal["zh", "en"]
DAY_S = 86_400


def check_clock(value: str) -> str:
    """HH:MM of a day."""
    try:
        if len(value) == 5:
            time.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise unfit("clock", "expected a time of day such as 22:00")


Clock = Annotated[str, Field(max_length=5), AfterValidator(check_clock)]


class QuietIn(Given):
    """Hours on the city's clock in which only level I is told; over midnight where they end before they begin."""

    begins: Clock
    ends: Clock

    def model_post_init(self, _: Any) -> None:
        if self.begins == self.ends:
            raise unfit("quiet_whole_day", "quiet hours must not be the whole day")


def check_repeat(value: int) -> int:
    if 0 < value < 60:
        raise unfit("repeat_least", "expected 0 (never) or at least {least}", least=60)
    return value


Repeat = Annotated[int, Field(ge=0, le=DAY_S), AfterValidator(check_repeat)]
Digest = Annotated[int, Field(ge=0, le=DAY_S)]


class SubscriptionIn(Given):
    """Who is told of what and how. `options` are those of the sender (`GET /api/senders`); `owner`: whose it is, told
    only what they may see; left out: who asks; null: the city's own."""

    id: Id | None = None
    name_zh: Title
    name_en: Title | None = None
    sender: str = Field(min_length=1, max_length=50)
    filter: Filter = Field(default_factory=Filter)
    options: dict[str, JsonValue] = Field(default_factory=dict)
    lang: Lang = "zh"
    quiet: QuietIn | None = None
    digest_s: Digest = 0
    repeat_s: Repeat = 0
    enabled: bool = True
    owner: str | None = Field(None, max_length=64)
    why: Why | None = None


class SubscriptionChange(Given):
    """What becomes different; `version` is the one that was seen. Secrets that are not given stay; `quiet` null: no
    quiet hours."""

    version: int = Field(ge=1, le=INT4)
    name_zh: Title | None = None
    name_en: Title | None = None
    filter: Filter | None = None
    options: dict[str, JsonValue] | None = None
    lang: Lang | None = None
    quiet: QuietIn | None = None
    digest_s: Digest | None = None
    repeat_s: Repeat | None = None
    enabled: bool | None = None
    why: Why | None = None


class PreviewIn(Given):
    """What would have been told of the alarms of the last `days`."""

    filter: Filter = Field(default_factory=Filter)
    days: int = Field(30, ge=1, le=90)
    owner: str | None = Field(None, max_length=64)


class Subscription(TypedDict):
    """Who is told of what and how. `secrets` names those that are set; `stopped_why`: its receiver was gone. Of its
    deliveries: so many `waiting`, so many `failed` or refused in the last seven days, when one last arrived, and what
    the last failure said."""

    id: str
    names: Text
    owner: str | None
    sender: str
    filter: JsonObject
    options: JsonObject
    secrets: list[str]
    lang: str
    quiet: dict[str, str] | None
    digest_s: int
    repeat_s: int
    enabled: bool
    stopped_why: str | None
    waiting: int
    failed: int
    last_sent_at: str | None
    last_error: str | None
    version: int
    changed_at: str
    changed_by: str | None


class Created(Subscription):
    """`made` are secrets that were made for it: shown this once."""

    made: dict[str, str]


class PreviewExample(TypedDict):
    alarm: str
    names: Text
    kind: str
    level: int
    raised_at: str


class Preview(TypedDict):
    """So many alarms of the last `days`; by level 1-4; the most of one day and of one hour; some of them, the newest
    first."""

    days: int
    alarms: int
    by_level: dict[str, int]
    most_a_day: int
    most_an_hour: int
    examples: list[PreviewExample]
