"""How probable by chance alone an alarm's finding was when it was judged, of kinds that compute it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alarm", sa.Column("p", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("alarm", "p")
