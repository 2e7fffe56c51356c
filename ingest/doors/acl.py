"""Who may say and hear what, as Mosquitto reads it (`password_file`, `acl_file` of mosquitto.conf(5)). Pure.

Topics of devices and units are enumerated; wildcards are for gateways, for sources that are open to an account, and for
our own processes. What is not named is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.cover import overlap
from ingest.topics import NATIVE

Kind = Literal["process", "gateway", "device", "unit"]
# the installation's own accounts: our processes, and who may speak for any device and hear what we say
PROCESS, GATEWAY = "onemap", "gateway"
# may do nothing: being let in shows that the broker has read its files
CANARY = "onemap-doors"
# may do nothing either, and is known at the devices' listener alone: being let in at ours shows that devices are
STRANGER = "onemap-stranger"
# the doctor's, which tries what a device may
PROBE = "doctor-probe"
# who is let in at the listener of our processes, where a client chooses its id. PROBE's secret is new with each use and
# leaves the doctor's memory nowhere
INSIDE = (PROCESS, GATEWAY, CANARY, PROBE)
OUT_TOPICS = ("alarm/#", "alert/#", "task/+")
IN_TOPICS = tuple(
    "/".join("+" if part.startswith("{") else part for part in template.split("/")) for template in NATIVE.values()
)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody at the broker: what they are and what they may speak for, ids or (`topics`) whole topics."""

    name: str
    kind: Kind
    password: str = ""
    sensors: Sequence[str] = ()
    cameras: Sequence[str] = ()
    units: Sequence[str] = ()
    sources: Sequence[str] = ()
    topics: Sequence[str] = ()
    reports: bool = False
    warnings: bool = False


def password_text(accounts: Iterable[Account]) -> str:
    return "".join(f"{account.name}:{account.password}\n" for account in accounts)


def acl_text(accounts: Iterable[Account], filters: Mapping[str, Sequence[str]], prefix: str) -> str:
    """`filters` are the topic filters of each source, our prefix filled in."""
    foreign = sorted({f for own in filters.values() for f in own if not f.startswith(f"{prefix}/")})
    blocks = []
    for account in accounts:
        writes, reads = rights(account, filters, foreign, prefix)
        lines = [f"user {account.name}", *(f"topic write {t}" for t in writes), *(f"topic read {t}" for t in reads)]
        if account.kind == "process":
            lines.append(f"topic readwrite {prefix}/#")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def rights(
    account: Account, filters: Mapping[str, Sequence[str]], foreign: Sequence[str], prefix: str
) -> tuple[list[str], list[str]]:
    """What an account may write, and what it may read."""
    if account.kind == "process":
        # whatever a source reads, from the moment it is added
        return [], ["#", "$SYS/#"]
    if account.kind == "gateway":
        return [f"{prefix}/{t}" for t in IN_TOPICS] + list(foreign), [*(f"{prefix}/{t}" for t in OUT_TOPICS), "$SYS/#"]
    writes = [f"{prefix}/{topic}" for topic in own_topics(account)]
    # a source may read other makers' topics and ours with one filter: it opens no door to ours
    writes += [f for source in account.sources for f in filters.get(source, ()) if not overlap(f, f"{prefix}/#")]
    writes += account.topics
    return writes, [f"{prefix}/task/{unit}" for unit in account.units]


def own_topics(account: Account) -> list[str]:
    """Native topics, below the prefix, of what the account speaks for."""
    found = [NATIVE["observation"].format(sensor=sensor) for sensor in account.sensors]
    for camera in account.cameras:
        found += [NATIVE[kind].format(camera=camera) for kind in ("video_event", "snapshot")]
    for unit in account.units:
        found += [NATIVE[kind].format(unit=unit) for kind in ("position", "unit_status")]
        found.append(NATIVE["task_reply"].format(unit=unit, task="+"))
    if account.reports:
        found.append(NATIVE["incident"])
    if account.warnings:
        found.append(NATIVE["warning"])
    return found
