"""How many people are in danger is said of an incident and of the report it comes from; an area of risk keeps where in
which band its score stands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("in_danger", sa.Integer(), nullable=True))
    op.add_column("incident_report", sa.Column("in_danger", sa.Integer(), nullable=True))
    op.add_column("risk_cell", sa.Column("placed", postgresql.JSONB(astext_type=sa.Text()), nullable=True))


def downgrade() -> None:
    op.drop_column("risk_cell", "placed")
    op.drop_column("incident_report", "in_danger")
    op.drop_column("incident", "in_danger")
