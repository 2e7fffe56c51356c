"""What ChirpStack and The Things Stack share: what the gateways say of an uplink."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from ingest.decoders.base import check_finite

RADIO = frozenset({"rssi", "snr"})


class GatewayIn(Struct):
    """One gateway's reception: rssi in dBm, snr in dB. Its position is the gateway's, never the device's: it is not
    read."""

    rssi: float | None = None
    # zero is left out by both servers
    snr: float = 0.0


def best_reception(gateways: Iterable[GatewayIn]) -> dict[str, float]:
    """`rssi` and `snr` at the gateway that heard the device loudest; empty where none says how loud."""
    heard = [(gateway.rssi, gateway.snr) for gateway in gateways if gateway.rssi is not None]
    if not heard:
        return {}
    rssi, snr = max(heard)
    return {"rssi": check_finite(rssi, "rssi"), "snr": check_finite(snr, "snr")}
