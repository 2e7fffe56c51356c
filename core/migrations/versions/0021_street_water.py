"""Water on a street is judged by a rule of its own and speaks of no river: the rule of river gauges leaves it, where it
is as it was delivered. The new rule comes with the seed."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BEFORE = '{"sensor_kinds": ["water_level"], "without_attribute": "underpass"}'
AFTER = '{"sensor_kinds": ["water_level"], "without_attribute": ["underpass", "street"]}'
CHANGE = """
WITH changed AS (
  UPDATE rule SET watches = CAST('{after}' AS jsonb), version = version + 1, changed_at = now()
  WHERE id = 'water-stage' AND watches = CAST('{before}' AS jsonb) RETURNING *)
INSERT INTO rule_version (rule_id, version, time, what, who, after)
SELECT c.id, c.version, c.changed_at, 'changed', 'seed', to_jsonb(c) FROM changed c
"""


def upgrade() -> None:
    op.execute(CHANGE.format(before=BEFORE, after=AFTER))


def downgrade() -> None:
    op.execute(CHANGE.format(before=AFTER, after=BEFORE))
