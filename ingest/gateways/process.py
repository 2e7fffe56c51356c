"""What both gateways do as processes: listen or say why not, run until told to stop, say now and then how it goes."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

from core.errors import SetupError
from core.log import get_log

log = get_log("gateway")
FIGURES_S = 60.0
T = TypeVar("T")


async def listen(opening: Awaitable[T], host: str, port: int) -> T:
    """What `opening` gives; a SetupError where the address cannot be had."""
    try:
        return await opening
    except OSError as exc:
        raise SetupError(f"cannot listen on {host}:{port}: {exc.strerror or exc}", field="port") from exc


async def run_until_stopped(figures: Counter[str]) -> None:
    """Returns on SIGTERM or SIGINT; logs the counters every minute until then."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), FIGURES_S)
        except TimeoutError:
            log.info("figures", **figures)
    log.info("stopped", **figures)
