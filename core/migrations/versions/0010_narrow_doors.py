"""What the application may no longer do by itself, it asks of functions that belong to the owner: days of readings are
made and dropped, a metric is taken out of an old day, old scores of cells are forgotten, tables are analysed."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

HEAD = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
FUNCTIONS = {
    "make_observation_day(day date)": f"""
CREATE FUNCTION make_observation_day(day date) RETURNS void {HEAD} AS $$
BEGIN
  EXECUTE format('CREATE TABLE IF NOT EXISTS public.%I PARTITION OF public.observation FOR VALUES FROM (%L) TO (%L)',
    'observation_p' || to_char(day, 'YYYYMMDD'), day::timestamp AT TIME ZONE 'UTC',
    (day + 1)::timestamp AT TIME ZONE 'UTC');
END $$
""",
    "drop_observation_day(day date)": f"""
CREATE FUNCTION drop_observation_day(day date) RETURNS void {HEAD} AS $$
BEGIN
  PERFORM public.refuse_recent(day);
  EXECUTE format('DROP TABLE IF EXISTS public.%I', 'observation_p' || to_char(day, 'YYYYMMDD'));
END $$
""",
    "trim_observation_day(day date, name text)": f"""
CREATE FUNCTION trim_observation_day(day date, name text) RETURNS bigint {HEAD} AS $$
DECLARE gone bigint;
BEGIN
  PERFORM public.refuse_recent(day);
  EXECUTE format('DELETE FROM public.%I WHERE metric = $1', 'observation_p' || to_char(day, 'YYYYMMDD')) USING name;
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$
""",
    "forget_cell_scores(before timestamptz, most integer)": f"""
CREATE FUNCTION forget_cell_scores(before timestamptz, most integer) RETURNS bigint {HEAD} AS $$
DECLARE gone bigint;
BEGIN
  PERFORM public.refuse_recent((before AT TIME ZONE 'UTC')::date - 1);
  DELETE FROM public.risk_event WHERE id IN (
    SELECT r.id FROM public.risk_event r WHERE r.type = 'cell' AND r.time < before AND EXISTS (
      SELECT 1 FROM public.risk_event n WHERE n.type = 'cell' AND n.thing_id = r.thing_id AND n.time > r.time
        AND n.time < before)
    LIMIT most);
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$
""",
    "analyze_table(name text)": f"""
CREATE FUNCTION analyze_table(name text) RETURNS void {HEAD} AS $$
BEGIN
  EXECUTE format('ANALYZE public.%I', name);
END $$
""",
}


def upgrade() -> None:
    # yesterday and today are nobody's to drop: the shortest retention is a day
    op.execute(
        """
CREATE FUNCTION refuse_recent(day date) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF day >= (now() AT TIME ZONE 'UTC')::date - 1 THEN
    RAISE EXCEPTION '% is too recent to be dropped', day USING ERRCODE = 'insufficient_privilege';
  END IF;
END $$
"""
    )
    for body in FUNCTIONS.values():
        op.execute(body)


def downgrade() -> None:
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    op.execute("DROP FUNCTION refuse_recent(date)")
