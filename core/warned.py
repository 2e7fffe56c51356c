"""What has become of warnings of others, as SQL: their chains by references (CAP 1.2 section 3.2.1) and the clock."""

from __future__ import annotations

# a warning that names no end is not believed for longer
ENDLESS = "interval '30 days'"
# only what can be meant for people here warns of something; an exercise is shown as one
_WARNS = "w.msg_type IN ('Alert', 'Update') AND w.status IN ('Actual', 'Exercise')"
_KEY = "w.sender || ',' || w.identifier"


def stated(at: str, where: str = "true") -> str:
    """A SELECT of warnings with `state` (core.vocabulary.WarningState), `changed_at` since when it is so, and `ends`,
    as they were known at the moment `at`, an expression. `where` narrows the table, as w.

    A later Update of the same status that names a message replaces it; a Cancel ends what it names, and what has
    replaced what it names.
    """
    return f"""
SELECT w.*, COALESCE(w.expires, w.sent + {ENDLESS}) AS ends,
  CASE WHEN NOT ({_WARNS}) THEN 'notice' WHEN u.received_at IS NOT NULL THEN 'superseded'
    WHEN c.received_at IS NOT NULL THEN 'cancelled'
    WHEN COALESCE(w.expires, w.sent + {ENDLESS}) <= {at} THEN 'expired' ELSE 'in_force' END AS state,
  CASE WHEN NOT ({_WARNS}) THEN w.received_at ELSE COALESCE(u.received_at, c.received_at,
    CASE WHEN COALESCE(w.expires, w.sent + {ENDLESS}) <= {at} THEN COALESCE(w.expires, w.sent + {ENDLESS}) END,
    w.received_at) END AS changed_at
FROM warning w
LEFT JOIN LATERAL (SELECT min(u.received_at) AS received_at FROM warning u
  WHERE u.refs @> ARRAY[{_KEY}] AND u.msg_type = 'Update' AND u.status = w.status AND u.sent >= w.sent
    AND (u.identifier, u.sent) <> (w.identifier, w.sent) AND u.received_at <= {at}) u ON true
LEFT JOIN LATERAL (SELECT min(c.received_at) AS received_at FROM warning c
  WHERE c.refs && (w.refs || ({_KEY})) AND c.msg_type = 'Cancel' AND c.status = w.status AND c.sent >= w.sent
    AND c.received_at <= {at}) c ON true
WHERE w.received_at <= {at} AND ({where})
"""


def in_force(at: str) -> str:
    """The same, of those alone that hold at that moment."""
    live = f"{_WARNS} AND COALESCE(w.expires, w.sent + {ENDLESS}) > {at}"
    return f"SELECT * FROM ({stated(at, live)}) AS w WHERE w.state = 'in_force'"
