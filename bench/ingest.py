"""`python -m bench.ingest [--json] [--count N] [--rounds N]`: from publish to committed, beside two other ways in the
same run.

One ingester, a publisher in a process of its own, everything durable, QoS 1, acknowledged after commit. Rate: messages
by the time from the first publish to the last commit, as PostgreSQL notes commits (track_commit_timestamp); ours and
the hand-made path (bench.peers) by turns, medians of the rounds; the stock client with the ORM once. Latency: at half
our rate, from the moment a message carries, taken when it is sent, to the commit of its row. Ceiling: COPY in binary
form of those rows into a table with the same partitions and key.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import time
from statistics import median

import psutil
import psycopg
from sqlalchemy import text
from typing_extensions import TypedDict

from bench.stand import ROOT, Stand, stand, wait_for
from core.packed import unpack

COMMITTED = "SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin)))::float8 FROM observation"
LATENCY = """
SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), percentile_cont(0.99) WITHIN GROUP (ORDER BY ms)
FROM (SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - time) * 1000 AS ms FROM observation) AS t
"""
PACED_S = 6.0


class Figures(TypedDict):
    messages: int
    rounds: int
    events_per_s: int
    all_events_per_s: list[int]
    hand_made_per_s: int
    all_hand_made_per_s: list[int]
    share_of_hand_made: float
    paho_orm_per_s: int
    times_paho_orm: float
    ceiling_copy_rows_per_s: int
    share_of_ceiling: float
    latency_rate_per_s: int
    p50_ms: float
    p99_ms: float
    peak_memory_mib: int
    lost: int
    doubled: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--count", type=int, default=150_000, help="messages a round (default 150,000)")
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds of ours and of the hand-made path, by turns (default 3)"
    )
    given = parser.parse_args()
    with stand() as here:
        figures = measure(here, given.count, given.rounds)
    print(json.dumps(figures, indent=2) if given.json else sentence(figures))


def measure(here: Stand, count: int, rounds: int) -> Figures:
    ours: list[float] = []
    hand: list[float] = []
    lost = doubled = 0.0
    for _ in range(rounds):
        run = measure_ours(here, count)
        ours.append(run["rate"])
        lost, doubled = lost + run["lost"], doubled + run["doubled"]
        hand.append(measure_peer(here, "hand", count))
    orm = measure_peer(here, "orm", max(count // 10, 2000))
    rate, floor = median(ours), median(hand)
    late = measure_latency(here, rate / 2)
    return {
        "messages": count,
        "rounds": rounds,
        "events_per_s": round(rate),
        "all_events_per_s": [round(r) for r in ours],
        "hand_made_per_s": round(floor),
        "all_hand_made_per_s": [round(r) for r in hand],
        "share_of_hand_made": round(rate / floor, 2),
        "paho_orm_per_s": round(orm),
        "times_paho_orm": round(rate / orm, 1),
        "ceiling_copy_rows_per_s": round(late["ceiling"]),
        "share_of_ceiling": round(rate / late["ceiling"], 3),
        "latency_rate_per_s": round(rate / 2),
        "p50_ms": round(late["p50"], 1),
        "p99_ms": round(late["p99"], 1),
        "peak_memory_mib": round(late["memory"]),
        "lost": int(lost + late["lost"]),
        "doubled": int(doubled + late["doubled"]),
    }


def measure_ours(here: Stand, count: int) -> dict[str, float]:
    """Our ingester from the first publish to the last commit."""
    start_ours(here)
    told = publish(here, count)
    settle(here, count)
    rate = count / (one(here, COMMITTED) - told["began"])
    found = {"rate": rate, "lost": count - rows(here), "doubled": doubled(here)}
    here.end()
    empty(here)
    return found


def start_ours(here: Stand) -> None:
    rest(here)
    here.start("ingest")
    wait_for(lambda: '"subscribed"' in here.log("ingest"), 30, "the ingester's subscription")
    publish(here, 2000)  # partitions, sensors and plans are there before the clock starts
    wait_for(lambda: rows(here) == 2000, 30, "the warm-up's rows")
    empty(here)


def measure_peer(here: Stand, kind: str, count: int) -> float:
    """Messages a second of another way, on the same table, partitions there."""
    rest(here)
    here.start_peer(kind)
    wait_for(lambda: "subscribed" in here.log(kind), 30, f"the subscription of {kind}")
    publish(here, 2000, prefix="peerxy")
    wait_for(lambda: rows(here) == 2000, 30, f"the warm-up's rows of {kind}")
    empty(here)
    told = publish(here, count, prefix="peerxy")
    settle(here, count)
    if rows(here) != count:
        raise SystemExit(f"{kind} wrote {rows(here)} of {count}: its rate means nothing; see its log")
    rate = count / (one(here, COMMITTED) - told["began"])
    here.end()
    empty(here)
    return rate


def measure_latency(here: Stand, rate: float) -> dict[str, float]:
    """Ours at `rate` for some seconds, and COPY of just those rows as the ceiling of any way to write them."""
    start_ours(here)
    count = int(rate * PACED_S)
    publish(here, count, rate)
    settle(here, count)
    with here.engine.connect() as conn:
        seen, p50, p99 = conn.execute(text(LATENCY)).one()
    found = {"p50": p50, "p99": p99, "lost": count - seen, "doubled": doubled(here), "ceiling": copy_rate(here)}
    found["memory"] = psutil.Process(here.running[-1].pid).memory_info().rss / 2**20
    here.end()
    return found


def publish(here: Stand, count: int, rate: float | None = None, prefix: str = "onemap") -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "bench.publish",
        "--url",
        here.device_url,
        "--count",
        str(count),
        "--prefix",
        prefix,
    ]
    more = ["--rate", str(rate)] if rate else []
    done = subprocess.run([*command, *more], cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def rest(here: Stand) -> None:
    """What the run before has left to do, done: nobody begins with another's debts."""
    with here.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM sensor_state, source_state, rollup_due"))
        conn.execute(text("CHECKPOINT"))
    os.sync()


def settle(here: Stand, count: int) -> None:
    """Wait until all rows are there, or until their number has stood still for five seconds."""
    held, since = rows(here), time.monotonic()
    while held < count and time.monotonic() - since < 5:
        time.sleep(0.1)
        found = rows(here)
        held, since = (found, time.monotonic()) if found != held else (held, since)


def rows(here: Stand) -> int:
    return int(one(here, "SELECT count(*) FROM observation"))


def one(here: Stand, query: str) -> float:
    with here.engine.connect() as conn:
        return float(conn.scalar(text(query)) or 0)


def doubled(here: Stand) -> int:
    """Readings that were handed to the engine more than once."""
    with here.engine.connect() as conn:
        series, times, _ = unpack(conn.scalars(text("SELECT packed FROM ingest_batch")))
    return len(times) - len(set(zip(series.tolist(), times.tolist(), strict=True)))


def empty(here: Stand) -> None:
    with here.engine.begin() as conn:
        conn.execute(text("TRUNCATE observation, sensor_state, ingest_batch, rollup_due"))


def copy_rate(here: Stand) -> float:
    """Rows a second of one COPY of all observations into a table like theirs, committed."""
    with here.engine.connect() as conn:
        raw = conn.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        raw.execute("CREATE TABLE ceiling (LIKE observation INCLUDING ALL) PARTITION BY RANGE (time)")
        days = raw.execute("SELECT DISTINCT date_trunc('day', time, 'UTC') FROM observation").fetchall()
        for n, (day,) in enumerate(days):
            raw.execute(
                f"CREATE TABLE ceiling_{n} PARTITION OF ceiling "
                f"FOR VALUES FROM ('{day}') TO (timestamptz '{day}' + interval '1 day')".encode()
            )
        raw.commit()
        body, cursor = io.BytesIO(), raw.cursor()
        with cursor.copy("COPY (SELECT * FROM observation) TO STDOUT (FORMAT binary)") as out:
            for part in out:
                body.write(part)
        began = time.perf_counter()
        with cursor.copy("COPY ceiling FROM STDIN (FORMAT binary)") as into:
            into.write(body.getvalue())
        raw.commit()
        took = time.perf_counter() - began
        copied = cursor.rowcount
        raw.execute("DROP TABLE ceiling")
        raw.commit()
    return copied / took


def sentence(f: Figures) -> str:
    return (
        f"{f['events_per_s']:,} events/s from publish to committed: {f['share_of_hand_made']:.0%} "
        f"of the hand-made path ({f['hand_made_per_s']:,}), "
        f"{f['times_paho_orm']} times paho with the ORM ({f['paho_orm_per_s']:,}), "
        f"{f['share_of_ceiling']:.0%} of COPY ({f['ceiling_copy_rows_per_s']:,} rows/s); "
        f"at {f['latency_rate_per_s']:,}/s p50 {f['p50_ms']} ms, p99 {f['p99_ms']} ms; "
        f"lost {f['lost']}, doubled {f['doubled']} of {f['messages']:,}"
    )


if __name__ == "__main__":
    main()
