"""Sources as data, what came through them, pictures in a store, hourly history, Sparkplug aliases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NATIVE = ", ".join(
    f"'{{prefix}}/{topic}'"
    for topic in (
        "observation/+",
        "video/+/event",
        "video/+/snapshot",
        "incident",
        "position/+",
        "unit/+/status",
        "task/+/+/reply",
        "warning",
    )
)


def upgrade() -> None:
    op.create_table(
        "camera_state",
        sa.Column("camera_id", sa.Text(collation="C"), nullable=False),
        sa.Column("event_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("frame_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_camera_state")),
    )
    op.execute(
        "INSERT INTO camera_state (camera_id, event_at, frame_at) SELECT COALESCE(e.camera_id, s.camera_id), e.at, s.at "
        "FROM (SELECT camera_id, max(received_at) AS at FROM video_event GROUP BY 1) AS e "
        "FULL JOIN (SELECT camera_id, max(received_at) AS at FROM snapshot GROUP BY 1) AS s USING (camera_id)"
    )
    op.create_table(
        "observation_hourly",
        sa.Column("sensor_id", sa.Text(collation="C"), nullable=False),
        sa.Column("metric", sa.Text(collation="C"), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.Column("least", sa.Double(), nullable=False),
        sa.Column("most", sa.Double(), nullable=False),
        sa.Column("last", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("sensor_id", "metric", "hour", name=op.f("pk_observation_hourly")),
    )
    op.create_index("ix_observation_hourly_hour", "observation_hourly", ["hour"], postgresql_using="brin")
    op.create_table(
        "rollup_due",
        sa.Column("sensor_id", sa.Text(collation="C"), nullable=False),
        sa.Column("metric", sa.Text(collation="C"), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sensor_id", "metric", "hour", name=op.f("pk_rollup_due")),
    )
    op.create_index("ix_rollup_due_hour", "rollup_due", ["hour"], unique=False)
    # rows that are written over and over keep room on their page: an update then touches no index (HOT)
    for name in ("sensor_state", "unit_state"):
        op.execute(f"ALTER TABLE {name} SET (fillfactor = 50)")
    # what was written before there was an hourly history is counted into it
    op.execute(
        "INSERT INTO rollup_due (sensor_id, metric, hour) "
        "SELECT sensor_id, metric, date_trunc('hour', time, 'UTC') FROM observation GROUP BY 1, 2, 3"
    )
    op.create_table(
        "source_state",
        sa.Column("source_id", sa.Text(collation="C"), nullable=False),
        sa.Column("slot", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("dead_letters", sa.BigInteger(), nullable=False),
        sa.Column("decode_errors", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lag_s", sa.Double(), nullable=True),
        sa.Column("rate", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "slot", name=op.f("pk_source_state")),
    )
    op.create_table(
        "sparkplug_birth",
        sa.Column("node", sa.Text(collation="C"), nullable=False),
        sa.Column("device", sa.Text(collation="C"), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("aliases", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("node", "device", name=op.f("pk_sparkplug_birth")),
    )
    op.create_table(
        "subscription",
        sa.Column("client_id", sa.Text(collation="C"), nullable=False),
        sa.Column("topic_filter", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "topic_filter", name=op.f("pk_subscription")),
    )
    op.create_table(
        "trimmed",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("metric", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("day", "metric", name=op.f("pk_trimmed")),
    )
    op.add_column("dead_letter", sa.Column("source_id", sa.Text(), nullable=True))
    op.add_column("dead_letter", sa.Column("discarded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("dead_letter", sa.Column("handled_by", sa.Text(), nullable=True))
    op.create_index(
        "ix_dead_letter_waiting",
        "dead_letter",
        ["id"],
        unique=False,
        postgresql_where=sa.text("replayed_at IS NULL AND discarded_at IS NULL"),
    )
    op.add_column("incident_report", sa.Column("quality", sa.Text(), server_default="good", nullable=False))
    op.add_column("sensor", sa.Column("source_id", sa.Text(), nullable=True))
    op.add_column("sensor_state", sa.Column("same_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("snapshot", sa.Column("label", sa.Text(), nullable=True))
    op.alter_column("snapshot", "body", existing_type=postgresql.BYTEA(), nullable=True)
    op.create_index("ix_snapshot_sha256", "snapshot", ["sha256"], unique=False)
    op.create_index("ix_snapshot_unmoved", "snapshot", ["received_at"], postgresql_where=sa.text("body IS NOT NULL"))
    op.create_index("ix_snapshot_camera", "snapshot", ["camera_id", "received_at"], unique=False)
    op.create_index("ix_snapshot_received", "snapshot", ["received_at"], unique=False)
    op.add_column("source", sa.Column("topic_filters", postgresql.ARRAY(sa.Text()), nullable=True))
    op.execute(
        f"UPDATE source SET topic_filters = CASE WHEN decoder = 'native' THEN ARRAY[{NATIVE}] ELSE ARRAY[topic_filter] END"
    )
    op.alter_column("source", "topic_filters", nullable=False)
    op.add_column(
        "source",
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column("source", sa.Column("datum", sa.Text(), server_default="WGS84", nullable=False))
    op.add_column("source", sa.Column("timezone", sa.Text(), nullable=True))
    op.add_column(
        "source",
        sa.Column("units", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column(
        "source",
        sa.Column("metrics", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column("source", sa.Column("only_mapped", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("source", sa.Column("id_prefix", sa.Text(), server_default="", nullable=False))
    op.add_column("source", sa.Column("owner", sa.Text(), nullable=True))
    op.add_column("source", sa.Column("interval_s", sa.Double(), nullable=True))
    op.add_column("source", sa.Column("district", sa.Text(), nullable=True))
    op.add_column("source", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("source", sa.Column("changed_by", sa.Text(), nullable=True))
    op.add_column("source", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.drop_column("source", "topic_filter")
    op.create_check_constraint("datum", "source", "datum IN ('WGS84', 'GCJ-02', 'BD-09', 'CGCS2000')")
    op.create_check_constraint("topic_filters", "source", "cardinality(topic_filters) > 0")
    op.add_column("unit_position", sa.Column("quality", sa.Text(), server_default="good", nullable=False))
    op.add_column("video_event", sa.Column("quality", sa.Text(), server_default="good", nullable=False))
    op.add_column("video_event", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("video_event", sa.Column("revised_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("sensor_state", "unit_state"):
        op.execute(f"ALTER TABLE {name} RESET (fillfactor)")
    op.drop_column("video_event", "revised_at")
    op.drop_column("video_event", "ended_at")
    op.drop_column("video_event", "quality")
    op.drop_column("unit_position", "quality")
    op.add_column("source", sa.Column("topic_filter", sa.Text(), server_default="#", nullable=False))
    op.alter_column("source", "topic_filter", server_default=None)
    op.drop_constraint("ck_source_datum", "source")
    op.drop_constraint("ck_source_topic_filters", "source")
    op.drop_column("source", "version")
    op.drop_column("source", "changed_by")
    op.drop_column("source", "changed_at")
    op.drop_column("source", "district")
    op.drop_column("source", "interval_s")
    op.drop_column("source", "owner")
    op.drop_column("source", "id_prefix")
    op.drop_column("source", "only_mapped")
    op.drop_column("source", "metrics")
    op.drop_column("source", "units")
    op.drop_column("source", "timezone")
    op.drop_column("source", "datum")
    op.drop_column("source", "options")
    op.drop_column("source", "topic_filters")
    op.drop_index("ix_snapshot_received", table_name="snapshot")
    op.drop_index("ix_snapshot_camera", table_name="snapshot")
    op.drop_index("ix_snapshot_unmoved", table_name="snapshot")
    op.drop_index("ix_snapshot_sha256", table_name="snapshot")
    op.execute("DELETE FROM snapshot WHERE body IS NULL")  # their pictures lie in the store and are known by hash
    op.alter_column("snapshot", "body", existing_type=postgresql.BYTEA(), nullable=False)
    op.drop_column("snapshot", "label")
    op.drop_column("sensor_state", "same_since")
    op.drop_column("sensor", "source_id")
    op.drop_column("incident_report", "quality")
    op.drop_index(
        "ix_dead_letter_waiting",
        table_name="dead_letter",
        postgresql_where=sa.text("replayed_at IS NULL AND discarded_at IS NULL"),
    )
    op.drop_column("dead_letter", "handled_by")
    op.drop_column("dead_letter", "discarded_at")
    op.drop_column("dead_letter", "source_id")
    op.drop_table("trimmed")
    op.drop_table("subscription")
    op.drop_table("sparkplug_birth")
    op.drop_table("source_state")
    op.drop_index("ix_rollup_due_hour", table_name="rollup_due")
    op.drop_table("rollup_due")
    op.drop_table("observation_hourly")
    op.drop_table("camera_state")
