"""How probable by chance alone an alarm's finding was when it was judged, of kinds that compute it; when whoever asked
for access has seen the answer (those of before count as seen)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alarm", sa.Column("p", sa.Double(), nullable=True))
    op.add_column("access_request", sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE access_request SET seen_at = decided_at")
    op.create_index(
        "ix_access_request_answered",
        "access_request",
        ["asked_by"],
        postgresql_where=sa.text("state <> 'open' AND seen_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_access_request_answered", "access_request")
    op.drop_column("access_request", "seen_at")
    op.drop_column("alarm", "p")
