"""A route can be off; why routes and inhibitions were changed is kept with their versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("route", sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column("route_version", sa.Column("why", sa.Text(), nullable=True))
    op.add_column("inhibition_version", sa.Column("why", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("inhibition_version", "why")
    op.drop_column("route_version", "why")
    op.drop_column("route", "enabled")
