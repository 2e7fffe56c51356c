"""A letter may stand for many: what is wrong with one thing all day is one letter with a count."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dead_letter", sa.Column("fold", sa.Text(collation="C"), nullable=True))
    op.add_column("dead_letter", sa.Column("times", sa.BigInteger(), server_default=sa.text("1"), nullable=False))
    op.add_column("dead_letter", sa.Column("first_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_dead_letter_fold",
        "dead_letter",
        ["fold"],
        unique=True,
        postgresql_where=sa.text("fold IS NOT NULL AND replayed_at IS NULL AND discarded_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_dead_letter_fold", table_name="dead_letter")
    op.drop_column("dead_letter", "first_at")
    op.drop_column("dead_letter", "times")
    op.drop_column("dead_letter", "fold")
