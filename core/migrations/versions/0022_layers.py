"""Layers of a city's own and their rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

NAME = sa.Text(collation="C")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "layer",
        sa.Column("id", NAME, nullable=False),
        sa.Column("title_zh", sa.Text(), nullable=False),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.Column("tree_group", sa.Text(), nullable=False),
        sa.Column("geometry", sa.Text(), nullable=False),
        sa.Column("columns", postgresql.JSONB(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("style", postgresql.JSONB(), nullable=False),
        sa.Column("visible", sa.Boolean(), nullable=False),
        sa.Column("min_zoom", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("classification", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("departments", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("lineage", postgresql.JSONB(), nullable=False),
        sa.Column("rows", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.CheckConstraint("geometry IN ('point', 'line', 'polygon', 'none')", name=op.f("ck_layer_geometry")),
        sa.CheckConstraint("classification BETWEEN 0 AND 2", name=op.f("ck_layer_classification")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layer")),
    )
    op.create_table(
        "layer_row",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("layer_id", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("props", postgresql.JSONB(), nullable=False),
        sa.Column("geom", Geometry(srid=4326, spatial_index=False), nullable=True),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["layer_id"], ["layer.id"], name=op.f("fk_layer_row_layer_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layer_row")),
        sa.UniqueConstraint("layer_id", "key", name=op.f("uq_layer_row_layer_id_key")),
    )
    op.create_index("ix_layer_row_geom", "layer_row", ["geom"], postgresql_using="gist")
    op.create_index("ix_layer_row_layer_id_id", "layer_row", ["layer_id", "id"])


def downgrade() -> None:
    op.drop_table("layer_row")
    op.drop_table("layer")
