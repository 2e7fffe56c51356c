"""The cameras' pictures: one with every event, and now and then one of nothing in particular."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import orjson

from demo.devices.chance import share
from demo.devices.drawing import draw
from demo.devices.message import PREFIX, Message
from demo.devices.package import Thing

EVENT_TOPIC = re.compile(rf"{PREFIX}/video/([^/]+)/event")
# no camera sends more often than the first, each sends a picture in every span of the second
REST_S, ROUND_S = 60.0, 3_000.0


class Eyes:
    """All cameras: in every round each sends one picture at its own moment."""

    def __init__(self, cameras: Sequence[Thing], seed: int, start: datetime) -> None:
        self._seed, self._start = seed, start
        self._turns = sorted((share(seed, camera.id, "frame") * ROUND_S, camera.id) for camera in cameras)
        self._next = 0
        self._raining = False
        self._sent: dict[str, datetime] = {}
        # camera -> kind and id of the event whose picture is due once the camera has rested
        self._waiting: dict[str, tuple[str, str]] = {}

    def seen(self, sent: Message, now: datetime) -> Iterator[Message]:
        """The picture of an event that has just been sent; later where the camera sent one a moment ago."""
        match = EVENT_TOPIC.fullmatch(sent.topic)
        if match is None:
            return
        event = orjson.loads(sent.payload)
        self._waiting[match.group(1)] = (event["kind"], event["id"])
        yield from self._rested(now)

    def step(self, now: datetime, *, raining: bool) -> Iterator[Message]:
        """The pictures whose moment has come."""
        self._raining = raining
        yield from self._rested(now)
        while self._turns and self._due() <= now:
            camera = self._turns[self._next % len(self._turns)][1]
            self._next += 1
            if self._may_send(camera, now):
                yield self._picture(camera, now)

    def _due(self) -> datetime:
        rounds, index = divmod(self._next, len(self._turns))
        return self._start + timedelta(seconds=rounds * ROUND_S + self._turns[index][0])

    def _rested(self, now: datetime) -> Iterator[Message]:
        for camera in [name for name in self._waiting if self._may_send(name, now)]:
            yield self._picture(camera, now, *self._waiting.pop(camera))

    def _may_send(self, camera: str, now: datetime) -> bool:
        before = self._sent.get(camera)
        return before is None or now - before >= timedelta(seconds=REST_S)

    def _picture(self, camera: str, now: datetime, kind: str = "", event: str | None = None) -> Message:
        self._sent[camera] = now
        picture = draw(self._seed, camera, now, kind, raining=self._raining)
        return Message(f"{PREFIX}/video/{camera}/snapshot", picture, event)
