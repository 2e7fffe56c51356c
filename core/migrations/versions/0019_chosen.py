"""What somebody has chosen of the page goes with their account."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    chosen = sa.Column("settings", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False)
    op.add_column("account", chosen)


def downgrade() -> None:
    op.drop_column("account", "settings")
