"""Incident numbers come from a counter; numbers that were given go on. Dead letters are found by their topic."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NAME = sa.Text(collation="C")


def upgrade() -> None:
    op.execute("CREATE SEQUENCE incident_serial")
    op.create_table(
        "incident_day",
        sa.Column("day", NAME, nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_incident_day")),
    )
    # the counter stands at 0: the next number of a day is one more than its last
    op.execute(r"""
INSERT INTO incident_day (day, base)
SELECT split_part(number, '-', 1), -max(CAST(split_part(number, '-', 2) AS bigint)) FROM incident
WHERE number ~ '^\d{8}-\d{1,18}$' GROUP BY 1
""")
    # by hash: a topic may be longer than what a tree keeps
    op.create_index("ix_dead_letter_topic", "dead_letter", ["topic"], postgresql_using="hash")


def downgrade() -> None:
    op.drop_index("ix_dead_letter_topic", table_name="dead_letter")
    op.drop_table("incident_day")
    op.execute("DROP SEQUENCE incident_serial")
