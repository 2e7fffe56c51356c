"""Failed log-ins: how long an account makes an address wait, and which addresses it knows. Callers own the transaction.

An address that failed with an account waits, twice as long after each further failure. Failures from many addresses
make every address wait that the account does not know; one it knows (someone has logged in with it from there) minds
its own failures only, so that no stranger locks anybody out.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import Connection, text

from app.accounts import Policy, digest

FIRST_WAIT_S = 5
# so many times the failures of one address, from all strangers together, before strangers wait
STRANGERS = 10
FORGOTTEN, KNOWN_FOR = timedelta(hours=1), timedelta(days=90)
KNOWN_AT_MOST, ROWS_AT_MOST = 20, 10_000


def place_of(address: str) -> str:
    """What counts as one address: of IPv6 the network of a subscriber, who has 2^64 to choose from."""
    return _place_of(address[:64])


@lru_cache(maxsize=4096)
def _place_of(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped else str(ip_network((found, 64), strict=False))
    return str(found)


def key_of(username: str) -> str:
    """The name as it is kept: nobody's is longer or unprintable, so such a one may be kept by its digest."""
    return username if len(username) <= 64 and username.isprintable() else digest(username)


def wait_s(failures: int, policy: Policy) -> int:
    """How long to wait after so many failures."""
    over = failures - policy.failures
    return 0 if over < 0 else min(FIRST_WAIT_S << min(over, 20), policy.lock_s)


def must_wait(conn: Connection, username: str, address: str, policy: Policy, now: datetime) -> bool:
    """Whether this address may not try this account now."""
    given = {"username": username, "place": place_of(address), "since": now - FORGOTTEN, "known": now - KNOWN_FOR}
    row = conn.execute(
        text(
            """
WITH known AS (SELECT address FROM login_address WHERE username = :username AND seen_at > :known),
recent AS (SELECT address, failures, last_at FROM login_failure WHERE username = :username AND last_at > :since),
strange AS (SELECT failures, last_at FROM recent WHERE address NOT IN (SELECT address FROM known))
SELECT EXISTS (SELECT 1 FROM known WHERE address = :place) AS known,
  (SELECT failures FROM recent WHERE address = :place) AS own,
  (SELECT last_at FROM recent WHERE address = :place) AS own_at,
  (SELECT sum(failures) FROM strange) AS others, (SELECT max(last_at) FROM strange) AS others_at
"""
        ),
        given,
    ).one()
    if row.own and now < row.own_at + timedelta(seconds=wait_s(row.own, policy)):
        return True
    if row.known or not row.others:
        return False
    return bool(now < row.others_at + timedelta(seconds=wait_s(int(row.others) // STRANGERS, policy)))


def note_failure(conn: Connection, username: str, address: str, now: datetime) -> None:
    """Whether there is such an account or not: both are the same work."""
    conn.execute(
        text(
            """
INSERT INTO login_failure AS f (username, address, failures, last_at) VALUES (:username, :place, 1, :now)
ON CONFLICT (username, address) DO UPDATE SET last_at = :now,
  failures = CASE WHEN f.last_at > :since THEN f.failures + 1 ELSE 1 END
"""
        ),
        {"username": username, "place": place_of(address), "now": now, "since": now - FORGOTTEN},
    )
    tidy(conn, now)


def note_success(conn: Connection, username: str, address: str, now: datetime) -> None:
    """The account knows this address from now on; its failures from there are forgotten."""
    given = {"username": username, "place": place_of(address), "now": now, "most": KNOWN_AT_MOST}
    conn.execute(text("DELETE FROM login_failure WHERE username = :username AND address = :place"), given)
    conn.execute(
        text(
            """
INSERT INTO login_address (username, address, seen_at) VALUES (:username, :place, :now)
ON CONFLICT (username, address) DO UPDATE SET seen_at = :now
"""
        ),
        given,
    )
    conn.execute(
        text(
            """
DELETE FROM login_address WHERE username = :username AND address NOT IN (SELECT address FROM login_address
  WHERE username = :username ORDER BY seen_at DESC, address LIMIT :most)
"""
        ),
        given,
    )


def tidy(conn: Connection, now: datetime, most: int = ROWS_AT_MOST) -> None:
    """What is forgotten goes, and what is beyond the bound: names of no account first, whoever makes them up. What
    somebody else writes just now is passed over: who fails holds a row of their own and waits for nobody's."""
    conn.execute(_FORGET, {"since": now - FORGOTTEN})
    conn.execute(_BOUND, {"most": most})


_FORGET = text("""
DELETE FROM login_failure WHERE (username, address) IN (SELECT username, address FROM login_failure
  WHERE last_at < :since FOR UPDATE SKIP LOCKED)
""")
_BOUND = text("""
DELETE FROM login_failure WHERE (username, address) IN (SELECT username, address FROM login_failure
  WHERE (username, address) IN (SELECT f.username, f.address FROM login_failure f
    LEFT JOIN account a USING (username) ORDER BY a.username IS NULL, f.last_at DESC OFFSET :most)
  FOR UPDATE SKIP LOCKED)
""")
