"""What devices say of their metrics: how people write them, the units of Sparkplug births; SensorThings' other topics."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sparkplug_birth",
        sa.Column("units", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.create_table(
        "metric_title",
        sa.Column("metric", sa.Text(collation="C"), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("metric", name=op.f("pk_metric_title")),
    )
    op.execute(
        """
UPDATE source SET topic_filters = '{v1.1/+/Observations,v1.1/Observations,v1.0/+/Observations,v1.0/Observations}'
WHERE id = 'sensorthings' AND topic_filters = '{v1.1/+/Observations,v1.0/+/Observations}'
"""
    )


def downgrade() -> None:
    op.drop_table("metric_title")
    op.drop_column("sparkplug_birth", "units")
