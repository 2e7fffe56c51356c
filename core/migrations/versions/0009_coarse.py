"""Sources whose clock counts whole seconds; the first of the sensors nobody has registered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source", sa.Column("coarse", sa.Boolean(), nullable=True))
    # the first ones are looked for again and again
    op.create_index(
        "ix_sensor_pending", "sensor", ["first_seen_at", "id"], postgresql_where=sa.text("status = 'pending'")
    )


def downgrade() -> None:
    op.drop_index("ix_sensor_pending", table_name="sensor")
    op.drop_column("source", "coarse")
