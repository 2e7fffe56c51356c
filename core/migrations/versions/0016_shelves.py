"""A shelved alarm says who put it there and why; taking an acknowledgement back is no news for the outside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# of alarms that are shelved now, from their last word about it
FILL = """
UPDATE alarm a SET shelved_by = e.who, shelved_reason = e.note
FROM (SELECT DISTINCT ON (alarm_id) alarm_id, who, note FROM alarm_event WHERE what = 'shelved'
  ORDER BY alarm_id, id DESC) e
WHERE e.alarm_id = a.id AND a.state = 'shelved'
"""


def upgrade() -> None:
    op.add_column("alarm", sa.Column("shelved_by", sa.Text(), nullable=True))
    op.add_column("alarm", sa.Column("shelved_reason", sa.Text(), nullable=True))
    op.execute(FILL)
    op.execute(
        """
UPDATE subscription SET filter = jsonb_set(filter, '{not_what}', filter->'not_what' || '"unacknowledged"')
WHERE id = 'alerts-cap' AND filter->'not_what' ? 'acknowledged' AND NOT filter->'not_what' ? 'unacknowledged'
"""
    )


def downgrade() -> None:
    op.drop_column("alarm", "shelved_reason")
    op.drop_column("alarm", "shelved_by")
