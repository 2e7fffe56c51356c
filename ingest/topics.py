"""Our native topics: what we subscribe to, and which decoder reads which."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from core.errors import DecodeError, InputError
from core.types import check_device_id

# kind of message -> topic below the prefix; {x} is a device id
NATIVE = {
    "observation": "observation/{sensor}",
    "video_event": "video/{camera}/event",
    "snapshot": "video/{camera}/snapshot",
    "incident": "incident",
    "position": "position/{unit}",
    "unit_status": "unit/{unit}/status",
    "task_reply": "task/{unit}/{task}/reply",
    "warning": "warning",
    "refused": "gateway/{gateway}/refused",
}
# (first part, number of parts, last part where it is fixed) -> kind
_SHAPES: dict[tuple[str, int, str], str] = {}
for _kind, _template in NATIVE.items():
    _parts = _template.split("/")
    _SHAPES[(_parts[0], len(_parts), "" if _parts[-1].startswith("{") else _parts[-1])] = _kind


class Address(NamedTuple):
    kind: str
    ids: tuple[str, ...]


@lru_cache(maxsize=65_536)  # a city's devices speak on the same topics again and again
def read_topic(topic: str, prefix: str) -> Address:
    """What a message on `topic` is and about whom. Raises DecodeError for topics and ids outside the contract."""
    if not topic.startswith(prefix + "/"):
        raise DecodeError(f"topic: expected it under {prefix}/, got {topic[:120]!r}", reason="topic", field="topic")
    parts = topic[len(prefix) + 1 :].split("/")
    kind = _SHAPES.get((parts[0], len(parts), "")) or _SHAPES.get((parts[0], len(parts), parts[-1]))
    if kind is None:
        raise DecodeError(f"topic: {topic[:120]!r} is none of ours", reason="topic", field="topic")
    template = NATIVE[kind].split("/")
    try:
        ids = tuple(
            check_device_id(part, name[1:-1])
            for part, name in zip(parts, template, strict=True)
            if name.startswith("{")
        )
    except InputError as exc:
        raise DecodeError(exc.message, reason="topic", field=exc.field) from exc
    return Address(kind, ids)
