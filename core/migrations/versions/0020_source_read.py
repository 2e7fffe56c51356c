"""Who could read the sources because everybody could, and works with them, may still: a city's own roles."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# what is done on the page of sources
WITH = ("letter.read", "source.manage", "sensor.manage", "device.manage")


def upgrade() -> None:
    op.get_bind().execute(
        sa.text(
            """
UPDATE role SET permissions = permissions || ARRAY['source.read'], version = version + 1
WHERE NOT built_in AND permissions && CAST(:with AS text[]) AND NOT 'source.read' = ANY(permissions)
"""
        ),
        {"with": list(WITH)},
    )


def downgrade() -> None:
    op.execute("UPDATE role SET permissions = array_remove(permissions, 'source.read') WHERE NOT built_in")
