"""`python -m bench.ingest [--json] [--count N]`: from publish to committed, against COPY of the same rows in the same run.

One ingester, a publisher in a process of its own, everything durable. Rate: messages by the time from the first publish to the
last commit, as PostgreSQL notes commits (track_commit_timestamp). Latency: at half that rate, from the moment a message
carries, taken when it is sent, to the commit of its row. Ceiling: COPY in binary form of the very same rows into a table with
the same partitions and key.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import time
from typing import Any

import psycopg
from sqlalchemy import text

from bench.stand import ROOT, Stand, stand, wait_for

COMMITTED = "SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin)))::float8 FROM observation"
LATENCY = """
SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), percentile_cont(0.99) WITHIN GROUP (ORDER BY ms)
FROM (SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - time) * 1000 AS ms FROM observation) AS t
"""
HANDED_ON = """
SELECT count(*) - count(DISTINCT (u.s, u.t)) FROM ingest_batch b, LATERAL unnest(b.sensor_ids, b.times) AS u (s, t)
"""
PACED_S = 6.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--count", type=int, default=200_000, help="messages (default 200,000)")
    given = parser.parse_args()
    with stand() as here:
        figures = measure(here, given.count)
    print(json.dumps(figures, indent=2) if given.json else sentence(figures))


def measure(here: Stand, count: int) -> dict[str, Any]:
    here.start("ingest")
    wait_for(lambda: "subscribed" in here.log("ingest"), 30, "the ingester's subscription")
    publish(here, 2000)  # partitions, sensors and plans are there before the clock starts
    wait_for(lambda: rows(here) == 2000, 30, "the warm-up's rows")
    empty(here)
    told = publish(here, count)
    settle(here, count)
    rate = count / (one(here, COMMITTED) - told["began"])
    stored, doubled = rows(here), one(here, HANDED_ON)
    ceiling = copy_rate(here)
    empty(here)
    paced = int(rate / 2 * PACED_S)
    publish(here, paced, rate / 2)
    settle(here, paced)
    with here.engine.connect() as conn:
        seen, p50, p99 = conn.execute(text(LATENCY)).one()
    return {
        "messages": count, "events_per_s": round(rate), "publisher_per_s": round(count / (told["ended"] - told["began"])), "ceiling_copy_rows_per_s": round(ceiling), "share_of_ceiling": round(rate / ceiling, 3),
        "latency_rate_per_s": round(rate / 2), "p50_ms": round(p50, 1), "p99_ms": round(p99, 1),
        "lost": count - stored + paced - seen, "doubled": int(doubled + one(here, HANDED_ON)),
    }  # fmt: skip


def publish(here: Stand, count: int, rate: float | None = None) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.publish", "--url", here.device_url, "--count", str(count)]
    more = ["--rate", str(rate)] if rate else []
    done = subprocess.run([*command, *more], cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    told: dict[str, float] = json.loads(done.stdout)
    return told


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


def empty(here: Stand) -> None:
    with here.engine.begin() as conn:
        conn.execute(text("TRUNCATE observation, sensor_state, ingest_batch"))


def copy_rate(here: Stand) -> float:
    """Rows a second of one COPY of all observations into a table like theirs, committed."""
    with here.engine.connect() as conn:
        raw = conn.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        raw.execute("CREATE TABLE ceiling (LIKE observation INCLUDING ALL) PARTITION BY RANGE (time)")
        days = raw.execute("SELECT DISTINCT date_trunc('day', time, 'UTC') FROM observation").fetchall()
        for n, (day,) in enumerate(days):
            raw.execute(f"CREATE TABLE ceiling_{n} PARTITION OF ceiling FOR VALUES FROM ('{day}') TO (timestamptz '{day}' + interval '1 day')".encode())  # fmt: skip
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


def sentence(f: dict[str, Any]) -> str:
    return (
        f"{f['events_per_s']:,} events/s from publish to committed ({f['share_of_ceiling']:.0%} of {f['ceiling_copy_rows_per_s']:,} rows/s by COPY); "
        f"at {f['latency_rate_per_s']:,}/s p50 {f['p50_ms']} ms, p99 {f['p99_ms']} ms; lost {f['lost']}, doubled {f['doubled']} of {f['messages']:,}"
    )


if __name__ == "__main__":
    main()
