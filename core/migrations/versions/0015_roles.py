"""Roles are data, accounts have a scope, tokens a name, sessions an address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NAME = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)
WORDS = postgresql.ARRAY(sa.Text())
# as accounts name them; what each may is filled in from core/data/roles.json (core/seed.py)
BUILT_IN = ("viewer", "dispatcher", "commander", "gis_officer", "department_officer", "unit", "admin", "auditor")


def upgrade() -> None:
    role = op.create_table(
        "role",
        sa.Column("id", NAME, nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("permissions", WORDS, nullable=False),
        sa.Column("built_in", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
    )
    op.bulk_insert(
        role, [{"id": one, "name_zh": one, "name_en": one, "permissions": [], "built_in": True} for one in BUILT_IN]
    )
    for name in ("departments", "districts", "units"):
        op.add_column("account", sa.Column(name, WORDS, nullable=True))
    op.add_column("account", sa.Column("classification", sa.SmallInteger(), nullable=True))
    op.add_column("account", sa.Column("must_change", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("account", sa.Column("seen_at", TIME, nullable=True))
    op.add_column("account", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.alter_column("account", "role", type_=NAME)
    op.create_index("ix_account_role", "account", ["role"])
    op.create_foreign_key(op.f("fk_account_role_role"), "account", "role", ["role"], ["id"])
    op.add_column("session", sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False))
    op.add_column("session", sa.Column("name", sa.Text(), nullable=True))
    op.add_column("session", sa.Column("address", sa.Text(), nullable=True))
    op.create_unique_constraint(op.f("uq_session_id"), "session", ["id"])
    op.create_index("ix_session_username", "session", ["username"])


def downgrade() -> None:
    op.drop_index("ix_session_username", table_name="session")
    for name in ("address", "name", "id"):
        op.drop_column("session", name)
    op.drop_constraint("fk_account_role_role", "account", type_="foreignkey")
    op.drop_index("ix_account_role", table_name="account")
    op.alter_column("account", "role", type_=sa.Text())
    for name in ("version", "seen_at", "must_change", "classification", "units", "districts", "departments"):
        op.drop_column("account", name)
    op.drop_table("role")
