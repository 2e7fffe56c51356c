"""What a fresh database holds: the roles, the rules, the sources (only the native one is on), who is told (MQTT and
CAP), on which route, and what mutes what. Rows that are there already are left as the city made them; the roles of the
first day are always ours."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import Connection, text

from core.vocabulary import table


def seed(conn: Connection, now: datetime) -> None:
    seed_roles(conn)
    rows = [
        {
            "id": key,
            "kind": r["kind"],
            "alarm_kind": r["alarm_kind"],
            "zh": r["zh"],
            "en": r["en"],
            "watches": json.dumps(r["watches"]),
            "params": json.dumps(r["params"]),
            # what a city has not tried on its own data wakes nobody until somebody arms it
            "armed": r.get("armed", True),
            "now": now,
        }
        for key, r in table("rules").items()
    ]
    conn.execute(
        text(
            """
INSERT INTO rule (id, kind, alarm_kind, name_zh, name_en, watches, params, enabled, changed_at)
VALUES (:id, :kind, :alarm_kind, :zh, :en, CAST(:watches AS jsonb), CAST(:params AS jsonb), :armed, :now)
ON CONFLICT (id) DO NOTHING
"""
        ),
        rows,
    )
    conn.execute(
        text(
            "INSERT INTO source (id, name_zh, name_en, topic_filters, decoder, enabled) VALUES "
            "(:id, :zh, :en, :filters, :decoder, :enabled) ON CONFLICT (id) DO NOTHING"
        ),
        [{"id": key, **row} for key, row in table("sources").items()],
    )
    conn.execute(
        text(
            "INSERT INTO subscription (id, name_zh, name_en, sender, filter, enabled) VALUES (:id, :zh, :en, :sender, "
            "CAST(:filter AS jsonb), true) ON CONFLICT (id) DO NOTHING"
        ),
        [{"id": key, **row, "filter": json.dumps(row["filter"])} for key, row in table("subscriptions").items()],
    )
    conn.execute(
        _ROUTE,
        [
            {"id": key, "now": now, **row, "matchers": json.dumps(row["matchers"])}
            for key, row in table("routes").items()
        ],
    )
    conn.execute(
        _INHIBITION,
        [
            {"id": key, "now": now, **row, "source": json.dumps(row["source"]), "target": json.dumps(row["target"])}
            for key, row in table("inhibitions").items()
        ],
    )
    for name in ("rule", "source", "route", "inhibition", "subscription"):
        conn.execute(
            text(
                f"""
INSERT INTO {name}_version ({name}_id, version, time, what, who, after)
SELECT t.id, t.version, :now, 'seeded', 'seed', to_jsonb(t) FROM {name} t
WHERE NOT EXISTS (SELECT 1 FROM {name}_version v WHERE v.{name}_id = t.id)
"""
            ),
            {"now": now},
        )


_ROUTE = text("""
INSERT INTO route (id, parent_id, position, name_zh, name_en, matchers, group_by, group_wait_s, group_interval_s,
  repeat_interval_s, receivers, goes_on, changed_at)
VALUES (:id, :parent, :position, :zh, :en, CAST(:matchers AS jsonb), :group_by, :group_wait_s, :group_interval_s,
  :repeat_interval_s, :receivers, :goes_on, :now)
ON CONFLICT (id) DO NOTHING
""")
_INHIBITION = text("""
INSERT INTO inhibition (id, name_zh, name_en, source, target, equal, enabled, changed_at)
VALUES (:id, :zh, :en, CAST(:source AS jsonb), CAST(:target AS jsonb), :equal, true, :now) ON CONFLICT (id) DO NOTHING
""")
_ROLES = text("""
INSERT INTO role (id, name_zh, name_en, permissions, built_in) VALUES (:id, :zh, :en, :permissions, true)
ON CONFLICT (id) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en,
  permissions = excluded.permissions, built_in = true
""")


def seed_roles(conn: Connection) -> None:
    """The roles of the first day, as this version of the software knows them."""
    conn.execute(_ROLES, [{"id": key, **row} for key, row in table("roles").items()])
