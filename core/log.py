"""Structured logs: one JSON object a line on standard error, or a readable line on a terminal."""

from __future__ import annotations

import logging
import sys

import structlog


def setup_log(process: str, level: str = "info") -> None:
    """Call once at the start of a process; every event carries the process's name."""
    tty = sys.stderr.isatty()
    shared: list[structlog.types.Processor] = [
        lambda _, __, event: {"process": process, **event},
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if tty
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, format="%(name)s %(message)s")


def get_log(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(part=name)
    return logger
