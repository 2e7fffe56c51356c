"""Subscriptions are people's and the city's data: whose, in which language, when not, in every version; what opens a
receiver is kept apart; a delivery can be confirmed by its receiver."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

JSONB = postgresql.JSONB(astext_type=sa.Text())
NAME = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    for column in (
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lang", sa.Text(), server_default=sa.text("'zh'"), nullable=False),
        sa.Column("quiet", JSONB, nullable=True),
        sa.Column("digest_s", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("repeat_s", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("stopped_why", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("changed_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=True),
    ):
        op.add_column("subscription", column)
    op.create_index("ix_subscription_owner", "subscription", ["owner"])
    op.create_table(
        "subscription_secret",
        sa.Column("subscription_id", NAME, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subscription_id", "name", name=op.f("pk_subscription_secret")),
    )
    op.create_table(
        "subscription_version",
        sa.Column("subscription_id", NAME, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("after", JSONB, nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("subscription_id", "version", name=op.f("pk_subscription_version")),
    )
    op.execute(
        "CREATE TRIGGER subscription_version_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON subscription_version "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "INSERT INTO subscription_version (subscription_id, version, time, what, who, after) "
        "SELECT s.id, s.version, now(), 'seeded', 'seed', to_jsonb(s) FROM subscription s"
    )
    op.add_column("delivery", sa.Column("seen_at", TIME, nullable=True))
    op.add_column("delivery", sa.Column("seen_by", sa.Text(), nullable=True))
    op.create_index("ix_delivery_subscription", "delivery", ["subscription_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_delivery_subscription", "delivery")
    op.drop_column("delivery", "seen_by")
    op.drop_column("delivery", "seen_at")
    op.drop_table("subscription_version")
    op.drop_table("subscription_secret")
    op.drop_index("ix_subscription_owner", "subscription")
    for name in (
        "changed_by",
        "changed_at",
        "version",
        "stopped_why",
        "repeat_s",
        "digest_s",
        "quiet",
        "lang",
        "owner",
    ):
        op.drop_column("subscription", name)
