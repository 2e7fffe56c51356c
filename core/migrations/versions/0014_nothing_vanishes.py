"""Warnings know which messages they replace; units and cameras that nobody has registered wait to be; a source that
speaks is told from one that can be read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
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
    op.execute(
        """
UPDATE source SET topic_filters = topic_filters || '{"{prefix}/gateway/+/refused"}'
WHERE id = 'native' AND topic_filters @> '{"{prefix}/warning"}'
"""
    )
    op.add_column("source_state", sa.Column("good_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("source_state", sa.Column("bad_at", sa.DateTime(timezone=True), nullable=True))
    # what is known of before: some of it was read
    op.execute("UPDATE source_state SET good_at = last_at WHERE records > 0")
    op.create_table(
        "pending_thing",
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("sent", sa.Text(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_pending_thing")),
    )


def downgrade() -> None:
    op.drop_table("pending_thing")
    op.drop_column("source_state", "bad_at")
    op.drop_column("source_state", "good_at")
    op.drop_index("ix_warning_refs", table_name="warning")
    op.drop_column("warning", "refs")
