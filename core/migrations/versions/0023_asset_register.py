"""The register of urban components as GB/T 30428.2 has it: who owns and keeps one, its grid cell, where the entry is
from; in which version; and of each change, where it came from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

ADDED = ("owner_dept", "keeper_dept", "grid", "source", "note")


def upgrade() -> None:
    for name in ADDED:
        op.add_column("asset", sa.Column(name, sa.Text(), nullable=True))
    op.add_column(
        "asset", sa.Column("attributes", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False)
    )
    op.add_column("asset", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("asset", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("asset_event", sa.Column("source", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("asset_event", "source")
    for name in ("changed_at", "version", "attributes", *reversed(ADDED)):
        op.drop_column("asset", name)
