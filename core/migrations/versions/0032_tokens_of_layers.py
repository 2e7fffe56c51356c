"""A feed token may be for some layers only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("session", sa.Column("layers", sa.ARRAY(sa.Text()), nullable=True))


def downgrade() -> None:
    # without the column they would open everything
    op.execute("DELETE FROM session WHERE layers IS NOT NULL")
    op.drop_column("session", "layers")
