"""An outbox of changes, subscriptions, and one delivery per subscription and change. What waits to be sent stays to be sent."""

from __future__ import annotations

import json
from importlib.resources import files

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSONB = postgresql.JSONB(astext_type=sa.Text())
NAME = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    # what the broker keeps subscribed for our client ids; a subscription from now on is somebody who is told
    op.rename_table("subscription", "broker_subscription")
    op.execute("ALTER TABLE broker_subscription RENAME CONSTRAINT pk_subscription TO pk_broker_subscription")
    op.create_table(
        "subscription",
        sa.Column("id", NAME, nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("filter", JSONB, nullable=False),
        sa.Column("options", JSONB, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subscription_id", NAME, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", NAME, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("reason", JSONB, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("done_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index(
        "ix_delivery_waiting", "delivery", ["subscription_id", "id"], postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_index("ix_delivery_subject", "delivery", ["kind", "subject", "id"])
    op.create_index("ix_delivery_done", "delivery", ["done_at"], postgresql_where=sa.text("done_at IS NOT NULL"))
    seed_subscriptions()
    op.execute(
        "INSERT INTO delivery (subscription_id, kind, subject, what, topic, payload, reason, created_at, due_at, state, attempts, error) "
        "SELECT CASE sender WHEN 'alarm' THEN 'alarms-mqtt' WHEN 'cap' THEN 'alerts-cap' ELSE 'messages-mqtt' END, "
        "CASE sender WHEN 'mqtt' THEN 'message' ELSE 'alarm' END, CASE sender WHEN 'mqtt' THEN '' ELSE payload END, 'migrated', "
        "CASE sender WHEN 'mqtt' THEN topic END, CASE sender WHEN 'mqtt' THEN payload END, '[]', created_at, due_at, 'waiting', attempts, error "
        "FROM outbox WHERE sent_at IS NULL ORDER BY id"
    )
    op.drop_table("outbox")
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", NAME, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("routed_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_waiting", "outbox", ["id"], postgresql_where=sa.text("routed_at IS NULL"))


def seed_subscriptions() -> None:
    rows = json.loads((files("core") / "data" / "subscriptions.json").read_text("utf-8"))
    insert = sa.text(
        "INSERT INTO subscription (id, name_zh, name_en, sender, filter, enabled) VALUES (:id, :zh, :en, :sender, CAST(:filter AS jsonb), true)"
    )
    for key, row in rows.items():
        op.get_bind().execute(insert, {**row, "id": key, "filter": json.dumps(row["filter"])})


def downgrade() -> None:
    op.drop_table("outbox")
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("sent_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_due", "outbox", ["due_at"], unique=False, postgresql_where=sa.text("sent_at IS NULL"))
    op.drop_table("delivery")
    op.drop_table("subscription")
    op.execute("ALTER TABLE broker_subscription RENAME CONSTRAINT pk_broker_subscription TO pk_subscription")
    op.rename_table("broker_subscription", "subscription")
