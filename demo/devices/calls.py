"""Hotline calls and camera events: rare ones on any day, scripted ones in the storm."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NotRequired

import numpy as np
from typing_extensions import TypedDict

from demo.devices.chance import rng_for
from demo.devices.message import Message, message
from demo.devices.package import Plane
from demo.devices.places import Gazetteer, Place
from demo.devices.script import table
from demo.devices.storm import Weather

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
SCATTER_M = 15.0  # a caller's place is never exact


class Report(TypedDict):
    """What a caller tells; `title` and `text` have places for `{street}` and `{address}`."""

    kind: str
    channel: str
    level: int | None
    title: str
    text: str
    # people directly in danger, where the caller says so
    in_danger: NotRequired[int | None]


@dataclass(slots=True)
class Reporter:
    """Builds reports and events with ids that are never used twice, over restarts too (they carry the time)."""

    plane: Plane
    gazetteer: Gazetteer
    rng: np.random.Generator
    number: int = 0

    def call(self, now: datetime, place: Place, about: Report) -> Message:
        """A hotline report."""
        words = {"street": place.street, "address": place.address}
        lon, lat = self._lonlat(place, SCATTER_M)
        body = {
            "id": self._id(about["channel"], now),
            "kind": about["kind"],
            "level": about["level"],
            "title": about["title"].format(**words),
            "text": about["text"].format(**words),
            "lon": lon,
            "lat": lat,
            "address": place.address,
            "channel": about["channel"],
            "reporter": self._reporter(),
        }
        if about.get("in_danger") is not None:
            body["in_danger"] = about["in_danger"]
        return message("incident", now, body)

    def event(self, now: datetime, place: Place, kind: str, score: float) -> Message:
        """What the nearest camera saw at a place."""
        camera = self.gazetteer.camera(place)
        lon, lat = self._lonlat(place, 0.0)
        body = {
            "id": self._id(camera.id, now),
            "kind": kind,
            "score": score,
            "zone": place.street,
            "lon": lon,
            "lat": lat,
        }
        return message(f"video/{camera.id}/event", now, body)

    def _lonlat(self, place: Place, scatter_m: float) -> tuple[float, float]:
        off = self.rng.uniform(-scatter_m, scatter_m, 2) if scatter_m else np.zeros(2)
        lon, lat = self.plane.lonlat(np.asarray([place.x, place.y]) + off)
        return round(float(lon), 6), round(float(lat), 6)

    def _id(self, source: str, now: datetime) -> str:
        self.number += 1
        return f"{source}-{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}-{self.number}"

    def _reporter(self) -> str:
        name = SURNAMES[int(self.rng.integers(len(SURNAMES)))]
        return name + ("先生" if self.rng.random() < 0.5 else "女士")


class Hotlines:
    """Calls and camera events of the whole city."""

    def __init__(self, plane: Plane, gazetteer: Gazetteer, seed: int, start: datetime) -> None:
        self._rng = rng_for(seed, "hotlines")
        self._reporter = Reporter(plane, gazetteer, self._rng)
        self._gazetteer = gazetteer
        self._day = table("ambient_calls")
        self._next_call = start + self._pause("every_s")
        self._next_event = start + self._pause("video_every_s")
        self._done: set[tuple[int, str, int]] = set()

    def _pause(self, name: str) -> timedelta:
        return timedelta(seconds=float(self._rng.uniform(*self._day[name])))

    def step(self, now: datetime, turn: int, weather: Weather | None) -> Iterator[Message]:
        """What is reported up to `now`; `turn` numbers the storm that `weather` belongs to."""
        yield from self._ordinary(now)
        if weather is not None:
            yield from self._scripted(now, turn, weather)

    def _ordinary(self, now: datetime) -> Iterator[Message]:
        if now >= self._next_call:
            self._next_call = now + self._pause("every_s")
            about = self._day["calls"][int(self._rng.integers(len(self._day["calls"])))]
            yield self._reporter.call(now, self._gazetteer.anywhere(self._rng), about)
        if now >= self._next_event:
            self._next_event = now + self._pause("video_every_s")
            kind, score = self._day["video_kinds"][int(self._rng.integers(len(self._day["video_kinds"])))]
            seen = round(score + float(self._rng.uniform(-0.08, 0.08)), 2)
            yield self._reporter.event(now, self._gazetteer.anywhere(self._rng), kind, seen)

    def _scripted(self, now: datetime, turn: int, weather: Weather) -> Iterator[Message]:
        places = weather.scene.places
        for index, call in enumerate(weather.script.calls):
            if call.at <= weather.at_s and self._first(turn, "call", index):
                about: Report = {
                    "kind": call.kind,
                    "channel": call.channel,
                    "level": call.level,
                    "title": call.title,
                    "text": call.text,
                    "in_danger": call.in_danger,
                }
                yield self._reporter.call(now, places[call.place], about)
        for index, step in enumerate(weather.script.video):
            if step.at <= weather.at_s and self._first(turn, "video", index):
                yield self._reporter.event(now, places[step.place], step.kind, step.score)

    def _first(self, turn: int, what: str, index: int) -> bool:
        key = (turn, what, index)
        if key in self._done:
            return False
        self._done.add(key)
        return True
