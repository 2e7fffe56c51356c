"""Decoders: bytes of one message to records. They raise DecodeError and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.registry import Registry
from ingest.decoders import native
from ingest.records import Record

Decode = Callable[[bytes, tuple[str, ...], Mapping[str, str], int], list[Record]]


@dataclass(frozen=True, slots=True)
class Decoder:
    """`decode(payload, ids, user_properties, now_us) -> records`; `kind` is the message kind of `ingest.topics.NATIVE`."""

    kind: str
    decode: Decode


DECODERS: Registry[Decoder] = Registry(
    "onemap.decoders",
    [Decoder(kind, decode) for kind, decode in native.DECODERS.items()],
    key=lambda decoder: decoder.kind,
)
