"""Readings are handed to the engine as packed numbers; a series (a sensor and a metric) has a number. What a rule has
learnt of a series is kept.

Text arrays and timestamptz[] cost the engine most of its time. What waits to be judged is packed here, in the order in
which it stood.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "series",
        sa.Column("number", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("sensor_id", sa.Text(collation="C"), nullable=False),
        sa.Column("metric", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_series"),
        sa.UniqueConstraint("sensor_id", "metric", name="uq_series_sensor_id_metric"),
    )
    op.execute("""
INSERT INTO series (sensor_id, metric)
SELECT sensor_id, metric FROM sensor_state
UNION SELECT u.sensor_id, u.metric FROM ingest_batch b, LATERAL unnest(b.sensor_ids, b.metrics) AS u (sensor_id, metric)
WHERE u.sensor_id IS NOT NULL AND u.metric IS NOT NULL
ORDER BY 1, 2
""")
    op.add_column("ingest_batch", sa.Column("packed", sa.LargeBinary(), nullable=True))
    # it is read once and soon: pressing it together would cost more than it saves
    op.execute("ALTER TABLE ingest_batch ALTER packed SET STORAGE EXTERNAL")
    op.execute("""
UPDATE ingest_batch b SET packed = COALESCE((
  SELECT string_agg(int4send(s.number)
    || int8send((extract(epoch FROM u.time) * 1000000)::bigint - 946684800000000) || float8send(u.value), ''
    ORDER BY u.ord)
  FROM unnest(b.sensor_ids, b.metrics, b.times, b.values) WITH ORDINALITY AS u (sensor_id, metric, time, value, ord)
  JOIN series s USING (sensor_id, metric) WHERE u.time IS NOT NULL AND u.value IS NOT NULL), '')
""")
    op.alter_column("ingest_batch", "packed", nullable=False)
    for column in ("sensor_ids", "metrics", "times", "values"):
        op.drop_column("ingest_batch", column)

    op.add_column("rule_version", sa.Column("why", sa.Text(), nullable=True))
    # what an operator said of it: it was not useful, or it was
    op.add_column("alarm", sa.Column("useful", sa.Boolean(), nullable=True))
    op.add_column("alarm", sa.Column("latches", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("alarm", sa.Column("quiet_level", sa.SmallInteger(), nullable=True))
    op.add_column("alarm", sa.Column("owner", sa.Text(), nullable=True))
    op.add_column("alarm", sa.Column("escalated", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.create_table(
        "rule_memory",
        sa.Column("rule_id", sa.Text(collation="C"), nullable=False),
        sa.Column("thing_id", sa.Text(collation="C"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "thing_id", name="pk_rule_memory"),
    )


def downgrade() -> None:
    op.drop_table("rule_memory")
    for name in ("escalated", "owner", "quiet_level", "latches", "useful"):
        op.drop_column("alarm", name)
    op.drop_column("rule_version", "why")
    times = sa.ARRAY(sa.DateTime(timezone=True))
    op.add_column("ingest_batch", sa.Column("sensor_ids", sa.ARRAY(sa.Text()), nullable=False, server_default="{}"))
    op.add_column("ingest_batch", sa.Column("metrics", sa.ARRAY(sa.Text()), nullable=False, server_default="{}"))
    op.add_column("ingest_batch", sa.Column("times", times, nullable=False, server_default="{}"))
    op.add_column("ingest_batch", sa.Column("values", sa.ARRAY(sa.Double()), nullable=False, server_default="{}"))
    # the values stand in the readings themselves
    op.execute("""
UPDATE ingest_batch b SET sensor_ids = u.sensors, metrics = u.metrics, times = u.times, values = u.values
FROM (SELECT p.id, array_agg(o.sensor_id ORDER BY p.n) AS sensors, array_agg(o.metric ORDER BY p.n) AS metrics,
    array_agg(o.time ORDER BY p.n) AS times, array_agg(o.value ORDER BY p.n) AS values
  FROM (SELECT i.id, n, ('x' || encode(substring(i.packed FROM n * 20 + 1 FOR 4), 'hex'))::bit(32)::int AS number,
      timestamptz '2000-01-01 00:00:00+00' + interval '1 microsecond'
        * ('x' || encode(substring(i.packed FROM n * 20 + 5 FOR 8), 'hex'))::bit(64)::bigint AS time
    FROM ingest_batch i, generate_series(0, length(i.packed) / 20 - 1) AS n) AS p
  JOIN series s ON s.number = p.number
  JOIN observation o ON o.sensor_id = s.sensor_id AND o.metric = s.metric AND o.time = p.time
  GROUP BY p.id) AS u
WHERE u.id = b.id
""")
    for column in ("sensor_ids", "metrics", "times", "values"):
        op.alter_column("ingest_batch", column, server_default=None)
    op.drop_column("ingest_batch", "packed")
    op.drop_table("series")
