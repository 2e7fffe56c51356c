"""A transaction, done again where it lost a race with others."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from core.log import get_log
from core.process.faults import first_line, is_lost_race

log = get_log("transact")
T = TypeVar("T")
TRIES, WAIT_FIRST_S = 5, 0.05


def transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    """`work(conn)` in a transaction of its own. With one order of locks (docs/decisions/0016) nobody loses a race; who
    does all the same (SQLSTATE 40001, 40P01) waits a moment of their own and does it again, up to `TRIES` times in
    all. `work` must do nothing that a rollback does not undo."""
    tries = 1
    while True:
        try:
            with engine.begin() as conn:
                return work(conn)
        except (DBAPIError, psycopg.Error) as exc:
            if not is_lost_race(exc) or tries == TRIES:
                raise
            log.warning("lost_race", tries=tries, error=first_line(exc))
        time.sleep(random.uniform(0, WAIT_FIRST_S * 2**tries))
        tries += 1
