"""Failed log-ins count per account and address, and an account knows the addresses it was opened from: no stranger
locks it any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NAME = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "login_failure",
        sa.Column("username", NAME, nullable=False),
        sa.Column("address", NAME, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("username", "address", name=op.f("pk_login_failure")),
    )
    op.create_index("ix_login_failure_last_at", "login_failure", ["last_at"])
    op.create_table(
        "login_address",
        sa.Column("username", NAME, nullable=False),
        sa.Column("address", NAME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("username", "address", name=op.f("pk_login_address")),
        sa.ForeignKeyConstraint(
            ["username"],
            ["account.username"],
            name=op.f("fk_login_address_username_account"),
            ondelete="CASCADE",
        ),
    )
    op.drop_column("account", "failures")
    op.drop_column("account", "locked_until")


def downgrade() -> None:
    op.add_column("account", sa.Column("locked_until", TIME, nullable=True))
    op.add_column("account", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.alter_column("account", "failures", server_default=None)
    op.drop_table("login_address")
    op.drop_table("login_failure")
