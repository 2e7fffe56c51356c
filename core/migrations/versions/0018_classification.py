"""What stands in the city and incidents have a classification; areas of risk know which districts they touch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

CLASSIFIED = ("facility", "sensor", "camera", "incident")


def upgrade() -> None:
    for name in CLASSIFIED:
        op.add_column(name, sa.Column("classification", sa.SmallInteger(), server_default=sa.text("0"), nullable=False))
        op.create_check_constraint(op.f(f"ck_{name}_classification"), name, "classification BETWEEN 0 AND 2")
    # filled when the ground is next read (alerts.scoring); until then a limited scope sees none
    op.add_column(
        "risk_cell",
        sa.Column("districts", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("risk_cell", "districts")
    for name in CLASSIFIED:
        op.drop_constraint(op.f(f"ck_{name}_classification"), name)
        op.drop_column(name, "classification")
