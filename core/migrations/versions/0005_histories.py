"""Histories with full values: what was live at any moment from now on can be read as it was.

What is open at the time of this migration is written down as it stands, so that the very next moment is known whole; what was
before is known only as far as the old events tell (`history_start.since`).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

APPEND_ONLY = ("unit_event", "risk_event", "asset_event", "rule_version", "source_version")
JSONB = postgresql.JSONB(astext_type=sa.Text())
NAME = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)


def identity() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def upgrade() -> None:
    op.create_table(
        "history_start",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_history_start_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history_start")),
    )
    op.execute("INSERT INTO history_start (id, since) VALUES (1, now())")
    op.add_column("alarm_event", sa.Column("after", JSONB, nullable=True))
    op.add_column("incident_event", sa.Column("after", JSONB, nullable=True))
    op.create_table(
        "unit_event",
        identity(),
        sa.Column("unit_id", NAME, nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.Column("assignment_id", sa.Uuid(), nullable=True),
        sa.Column("after", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_event")),
    )
    op.create_index("ix_unit_event_unit", "unit_event", ["unit_id", "time", "id"])
    op.create_table(
        "risk_event",
        identity(),
        sa.Column("type", NAME, nullable=False),
        sa.Column("thing_id", NAME, nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=True),
        sa.Column("risk", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_event")),
    )
    op.create_index("ix_risk_event_thing", "risk_event", ["type", "thing_id", "time", "id"])
    op.create_index("ix_risk_event_time", "risk_event", ["time"], postgresql_using="brin")
    op.create_table(
        "asset_event",
        identity(),
        sa.Column("type", NAME, nullable=False),
        sa.Column("thing_id", NAME, nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("before", JSONB, nullable=True),
        sa.Column("after", JSONB, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_event")),
    )
    op.create_index("ix_asset_event_thing", "asset_event", ["type", "thing_id", "id"])
    op.create_index("ix_asset_event_time", "asset_event", ["type", "time"])
    for thing in ("rule", "source"):
        op.create_table(
            f"{thing}_version",
            sa.Column(f"{thing}_id", NAME, nullable=False),
            sa.Column("version", sa.Integer(), nullable=False),
            sa.Column("time", TIME, nullable=False),
            sa.Column("what", sa.Text(), nullable=False),
            sa.Column("who", sa.Text(), nullable=False),
            sa.Column("after", JSONB, nullable=False),
            sa.PrimaryKeyConstraint(f"{thing}_id", "version", name=op.f(f"pk_{thing}_version")),
        )
    op.add_column("rule", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("rule", sa.Column("changed_by", sa.Text(), nullable=True))
    op.create_table(
        "video_event_past",
        identity(),
        sa.Column("camera_id", NAME, nullable=False),
        sa.Column("event_id", NAME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("before", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_event_past")),
    )
    op.create_index("ix_video_event_past_event", "video_event_past", ["camera_id", "event_id", "id"])
    # the upsert that ingest writes cannot tell what it has overwritten
    op.execute(
        "CREATE FUNCTION keep_video_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO video_event_past (camera_id, event_id, until, before) "
        "VALUES (OLD.camera_id, OLD.event_id, clock_timestamp(), to_jsonb(OLD) - 'geom'); RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER video_event_keep AFTER UPDATE ON video_event FOR EACH ROW "
        "WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION keep_video_event()"
    )
    write_down_what_is()
    for name in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    # scores of cells are many: whole days are taken away after the retention by the owner's housekeeping
    op.execute("DROP TRIGGER risk_event_append_only ON risk_event")
    op.execute(
        "CREATE TRIGGER risk_event_append_only BEFORE UPDATE OR TRUNCATE ON risk_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def write_down_what_is() -> None:
    op.execute(
        "INSERT INTO alarm_event (alarm_id, time, what, state, level, who, after) SELECT a.id, now(), 'history', a.state, a.level, "
        "'migration', to_jsonb(a) - 'geom' || jsonb_build_object('lon', ST_X(a.geom), 'lat', ST_Y(a.geom)) "
        "FROM alarm a WHERE a.state <> 'normal'"
    )
    op.execute(
        "INSERT INTO incident_event (incident_id, time, what, who, text, data, after) SELECT i.id, now(), 'history', 'migration', "
        '\'{"zh": "开始完整记录", "en": "Complete records begin"}\', \'{}\', to_jsonb(i) - \'geom\' || jsonb_build_object('
        "'lon', ST_X(i.geom), 'lat', ST_Y(i.geom), "
        "'assignments', (SELECT COALESCE(jsonb_agg(to_jsonb(s) || jsonb_build_object('name_zh', u.name_zh, 'name_en', u.name_en) "
        "ORDER BY s.assigned_at, s.id), '[]') FROM assignment s JOIN unit u ON u.id = s.unit_id WHERE s.incident_id = i.id), "
        "'alarms', (SELECT COALESCE(jsonb_agg(a.id ORDER BY a.id), '[]') FROM alarm a WHERE a.incident_id = i.id)) "
        "FROM incident i WHERE i.status NOT IN ('closed', 'cancelled')"
    )
    op.execute(
        "INSERT INTO unit_event (unit_id, time, what, who, status, incident_id, assignment_id, after) SELECT u.id, now(), 'history', "
        "'migration', u.status, s.incident_id, s.id, to_jsonb(u) - 'home' || jsonb_build_object('lon', ST_X(u.home), 'lat', "
        "ST_Y(u.home), 'incident_id', s.incident_id) FROM unit u LEFT JOIN assignment s ON s.unit_id = u.id AND s.ended_at IS NULL"
    )
    op.execute(
        "INSERT INTO risk_event (type, thing_id, time, score, level, risk) SELECT 'cell', cell, now(), score, level, "
        "jsonb_build_object('score', score, 'terms', terms, 'people', people) FROM risk_cell"
    )
    for thing in ("rule", "source"):
        op.execute(
            f"INSERT INTO {thing}_version ({thing}_id, version, time, what, who, after) "
            f"SELECT t.id, t.version, now(), 'history', 'migration', to_jsonb(t) FROM {thing} t"
        )


def downgrade() -> None:
    op.execute("DROP TRIGGER video_event_keep ON video_event")
    op.execute("DROP FUNCTION keep_video_event()")
    op.drop_column("rule", "changed_by")
    op.drop_column("rule", "version")
    for name in ("video_event_past", *APPEND_ONLY, "history_start"):
        op.drop_table(name)
    op.drop_column("incident_event", "after")
    op.drop_column("alarm_event", "after")
