"""Sources whose clock counts whole seconds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source", sa.Column("coarse", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("source", "coarse")
