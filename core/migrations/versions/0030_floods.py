"""Floods of alarms: a tree of routes, inhibitions, silences; who was told of what; what mutes an alarm, and that one
chatters.

Whoever was told of an alarm that is open now is told of its end: of what was queued before, every subscription was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

JSONB = postgresql.JSONB(astext_type=sa.Text())
NAME = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)
VERSIONED = ("route", "inhibition", "silence")
TOLD = """
INSERT INTO told (subscription_id, alarm_id, level, told_at, over)
SELECT s.id, a.id, a.level, a.changed_at, NOT a.active FROM alarm a CROSS JOIN subscription s
WHERE a.state <> 'normal' AND EXISTS (
  SELECT 1 FROM delivery d WHERE d.kind = 'alarm' AND d.subject = a.id::text AND d.subscription_id = s.id)
"""


def changed() -> list[sa.Column[object]]:
    return [
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=True),
    ]


def upgrade() -> None:
    op.create_table(
        "route",
        sa.Column("id", NAME, nullable=False),
        sa.Column("parent_id", NAME, nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("matchers", JSONB, nullable=False),
        sa.Column("group_by", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("group_wait_s", sa.Double(), nullable=False),
        sa.Column("group_interval_s", sa.Double(), nullable=False),
        sa.Column("repeat_interval_s", sa.Double(), nullable=False),
        sa.Column("receivers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("goes_on", sa.Boolean(), nullable=False),
        *changed(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_route")),
    )
    op.create_table(
        "inhibition",
        sa.Column("id", NAME, nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("source", JSONB, nullable=False),
        sa.Column("target", JSONB, nullable=False),
        sa.Column("equal", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        *changed(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inhibition")),
    )
    op.create_table(
        "silence",
        sa.Column("id", NAME, nullable=False),
        sa.Column("matchers", JSONB, nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        *changed(),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_silence_bounded")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silence")),
    )
    op.create_index("ix_silence_ends_at", "silence", ["ends_at"])
    for thing in VERSIONED:
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
        op.execute(
            f"CREATE TRIGGER {thing}_version_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {thing}_version "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.create_table(
        "told",
        sa.Column("subscription_id", NAME, nullable=False),
        sa.Column("alarm_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("told_at", TIME, nullable=False),
        sa.Column("over", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("alarm_id", "subscription_id", name=op.f("pk_told")),
    )
    op.create_index("ix_told_told_at", "told", ["told_at"], postgresql_where=sa.text("over"))
    op.create_table(
        "held_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("route_id", NAME, nullable=False),
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("subscription_id", NAME, nullable=False),
        sa.Column("alarm_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_change")),
    )
    op.create_index("ix_held_change_group", "held_change", ["route_id", "group_key", "subscription_id", "id"])
    op.create_table(
        "group_turn",
        sa.Column("route_id", NAME, nullable=False),
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("subscription_id", NAME, nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("route_id", "group_key", "subscription_id", name=op.f("pk_group_turn")),
    )
    op.create_index("ix_group_turn_next_at", "group_turn", ["next_at"])
    op.add_column("alarm", sa.Column("muted", JSONB, nullable=True))
    op.add_column("alarm", sa.Column("chattering_since", TIME, nullable=True))
    op.create_index("ix_alarm_chattering", "alarm", ["id"], postgresql_where=sa.text("chattering_since IS NOT NULL"))
    # figures of a month are read from the index alone
    op.create_index("ix_alarm_event_time", "alarm_event", ["time", "alarm_id", "what", "level", "who"])
    op.execute(TOLD)


def downgrade() -> None:
    op.drop_index("ix_alarm_event_time", table_name="alarm_event")
    op.drop_index("ix_alarm_chattering", table_name="alarm")
    op.drop_column("alarm", "chattering_since")
    op.drop_column("alarm", "muted")
    for name in ("group_turn", "held_change", "told", *(f"{thing}_version" for thing in VERSIONED), *VERSIONED):
        op.drop_table(name)
