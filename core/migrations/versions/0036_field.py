"""Phones of units, with the code that binds each, and what they send: every act once, by the client's id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

JSONB = postgresql.JSONB(astext_type=sa.Text())
NAME = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "phone",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", NAME, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("code_digest", NAME, nullable=True),
        sa.Column("code_expires_at", TIME, nullable=False),
        sa.Column("username", NAME, nullable=True),
        sa.Column("paired_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_phone_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_phone_code_digest")),
    )
    op.create_index("ix_phone_unit", "phone", ["unit_id", "made_at"])
    op.create_table(
        "field_act",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", NAME, nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("outcome", JSONB, nullable=False),
        sa.CheckConstraint("state IN ('done', 'refused')", name=op.f("ck_field_act_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_field_act")),
    )
    op.create_index("ix_field_act_unit", "field_act", ["unit_id", "received_at"])


def downgrade() -> None:
    op.drop_table("field_act")
    op.drop_table("phone")
