"""Accounts of devices at the broker, how far its doors have followed them, and what tells this installation from others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NAME = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)
TEXTS = postgresql.ARRAY(sa.Text())


def upgrade() -> None:
    op.create_table(
        "broker_account",
        sa.Column("name", NAME, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("sensors", TEXTS, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("cameras", TEXTS, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("units", TEXTS, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("sources", TEXTS, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("topics", TEXTS, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("reports", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("warnings", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("rotated_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_broker_account")),
        sa.CheckConstraint("kind IN ('device', 'unit', 'gateway')", name=op.f("ck_broker_account_kind")),
        sa.CheckConstraint("name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'", name=op.f("ck_broker_account_name")),
    )
    op.create_table(
        "broker_door",
        sa.Column("id", sa.SmallInteger(), nullable=False),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
        sa.Column("applied", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", TIME, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broker_door")),
        sa.CheckConstraint("id = 1", name=op.f("ck_broker_door_one")),
    )
    op.execute("INSERT INTO broker_door (id, wanted, applied) VALUES (1, 1, 0)")
    op.create_table(
        "installation",
        sa.Column("id", sa.SmallInteger(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_one")),
    )
    op.execute("INSERT INTO installation (id, secret) VALUES (1, replace(gen_random_uuid()::text, '-', ''))")


def downgrade() -> None:
    for name in ("installation", "broker_door", "broker_account"):
        op.drop_table(name)
