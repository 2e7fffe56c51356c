"""Warnings know which messages they replace."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None

# sender and identifier of each message that is named: `sender,identifier,sent sender,identifier,sent`
FILL_REFS = """
UPDATE warning w SET refs = ARRAY(
  SELECT split_part(one, ',', 1) || ',' || split_part(one, ',', 2)
  FROM regexp_split_to_table(btrim(substring(w.body FROM '<(?:\\w+:)?references>([^<]*)<'), E' \\t\\r\\n'), '\\s+') AS one
  WHERE one LIKE '%,%,%')
WHERE w.body LIKE '%references>%'
"""


def upgrade() -> None:
    op.add_column(
        "warning",
        sa.Column("refs", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.get_bind().exec_driver_sql(FILL_REFS.replace("%", "%%"))
    op.create_index("ix_warning_refs", "warning", ["refs"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("ix_warning_refs", table_name="warning")
    op.drop_column("warning", "refs")
