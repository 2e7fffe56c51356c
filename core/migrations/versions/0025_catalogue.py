"""The information resource catalogue: what is said of sources and layers, how they are each day, who reads them, who
asks for them, and whether any of it is open to the public."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

NAME = sa.Text(collation="C")
KIND = "kind IN ('source', 'layer')"
# who keeps layers or sources keeps their entries: a city's own roles too
WITH = ("layer.edit", "source.manage")


def resource() -> tuple[sa.Column[str], sa.Column[str]]:
    return sa.Column("kind", NAME, nullable=False), sa.Column("id", NAME, nullable=False)


def moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "catalogue_entry",
        *resource(),
        *(
            sa.Column(name, sa.Text(), nullable=True)
            for name in (
                "code",
                "category",
                "provider",
                "department",
                "contact",
                "summary_zh",
                "summary_en",
                "cycle",
                "sharing",
                "terms",
            )
        ),
        sa.Column("open", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        moment("created_at"),
        moment("changed_at"),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_catalogue_entry")),
        sa.CheckConstraint(KIND, name=op.f("ck_catalogue_entry_kind")),
        sa.CheckConstraint("NOT open OR sharing = 'unconditional'", name=op.f("ck_catalogue_entry_open")),
    )
    op.create_table(
        "catalogue_day",
        sa.Column("day", sa.Date(), nullable=False),
        *resource(),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("described", sa.Float(), nullable=False),
        sa.Column("filled", sa.Float(), nullable=True),
        sa.Column("refused", sa.Float(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        moment("updated_at", nullable=True),
        sa.Column("in_cycle", sa.Boolean(), nullable=True),
        sa.Column("overlapping", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        moment("measured_at"),
        sa.PrimaryKeyConstraint("day", "kind", "id", name=op.f("pk_catalogue_day")),
        sa.CheckConstraint(KIND, name=op.f("ck_catalogue_day_kind")),
    )
    op.create_table(
        "catalogue_use",
        *resource(),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("way", NAME, nullable=False),
        sa.Column("who", NAME, nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", "day", "way", "who", name=op.f("pk_catalogue_use")),
    )
    op.create_index("ix_catalogue_use_day", "catalogue_use", ["day"])
    op.create_table(
        "access_request",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("resource", NAME, nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        moment("asked_at"),
        sa.Column("state", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        moment("decided_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_request")),
        sa.CheckConstraint("state IN ('open', 'granted', 'refused')", name=op.f("ck_access_request_state")),
    )
    op.create_index(
        "ix_access_request_open", "access_request", ["kind", "resource"], postgresql_where=sa.text("state = 'open'")
    )
    op.create_table(
        "open_data",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        moment("changed_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_open_data")),
        sa.CheckConstraint("id = 1", name=op.f("ck_open_data_one_row")),
    )
    op.get_bind().execute(
        sa.text(
            """
UPDATE role SET permissions = permissions || ARRAY['catalogue.edit'], version = version + 1
WHERE NOT built_in AND permissions && CAST(:with AS text[]) AND NOT 'catalogue.edit' = ANY(permissions)
"""
        ),
        {"with": list(WITH)},
    )


def downgrade() -> None:
    op.execute("UPDATE role SET permissions = array_remove(permissions, 'catalogue.edit') WHERE NOT built_in")
    for name in ("open_data", "access_request", "catalogue_use", "catalogue_day", "catalogue_entry"):
        op.drop_table(name)
