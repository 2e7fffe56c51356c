"""An index of what has a name, numbers of streets, plates of units.

Every thing that can be found has an entry in `search_name`, kept by triggers in the transaction that changes the thing,
whoever changes it. Entries carry tokens of our own making, so that no locale of the database decides what is found.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from pypinyin.pinyin_dict import pinyin_dict
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

NAME = sa.Text(collation="C")
READINGS = 3
ENDED = "('closed', 'cancelled')"

# what stands between words: ASCII and Latin-1 signs, general punctuation and symbols, CJK punctuation, presentation forms
BETWEEN = r"[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u2000-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020\u3030\u30fb\ufe00-\ufe6f]+"
MARKS = r"[\u0300-\u036f]+"
HAN = r"\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

FOLD = f"""
CREATE FUNCTION fold_name(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT btrim(regexp_replace(lower(regexp_replace(normalize(words, NFKD), '{MARKS}', '', 'g')), '{BETWEEN}', ' ', 'g')) $$
"""
# a token is a word of a name or begins with a sign: = whole name or code, # code of an asset, ~ a syllable, ^ two initials,
# k: kind, d: district
ENTRY = f"""
CREATE FUNCTION search_entry(kind text, district text, name_zh text, name_en text, codes text[], more text,
  OUT words tsvector, OUT key_zh text, OUT key_en text, OUT sounds tsvector) LANGUAGE plpgsql STABLE
AS $$
DECLARE
  tokens text[] := ARRAY['k:' || kind, 'd:' || district];
  folded_zh text := fold_name(left(COALESCE(name_zh, ''), 200));
  code text;
  said text;
  parts text[];
BEGIN
  key_en := fold_name(left(COALESCE(name_en, ''), 200));
  key_zh := replace(folded_zh, ' ', '');
  said := folded_zh || ' ' || key_en || ' ' || fold_name(left(COALESCE(more, ''), 500));
  FOREACH code IN ARRAY codes LOOP
    CONTINUE WHEN code IS NULL;
    code := fold_name(code);
    tokens := tokens || ((CASE kind WHEN 'asset' THEN '#' ELSE '=' END) || left(replace(code, ' ', ''), 100));
    said := said || ' ' || CASE kind WHEN 'asset' THEN '' ELSE code END;
  END LOOP;
  IF kind <> 'asset' THEN
    tokens := tokens || ('=' || left(key_zh, 100)) || ('=' || left(replace(key_en, ' ', ''), 100));
    tokens := tokens || ARRAY(SELECT m[1] FROM regexp_matches(said, '[{HAN}]|[^ {HAN}]+', 'g') AS m);
  END IF;
  IF kind <> 'asset' AND key_zh ~ '[{HAN}]' THEN
    SELECT array_agg(',' || COALESCE(array_to_string(p.readings, ','), s.char) || ',' ORDER BY s.n) INTO parts
    FROM unnest(string_to_array(left(key_zh, 60), NULL)) WITH ORDINALITY AS s (char, n)
    LEFT JOIN pinyin p ON p.char = s.char;
    sounds := '''^'':1'::tsvector || (SELECT string_agg(format('''%s'':%s', x, n), ' ')
      FROM unnest(parts) WITH ORDINALITY AS p (read, n), unnest(string_to_array(btrim(read, ','), ',')) AS x)::tsvector;
    tokens := tokens || ARRAY(SELECT '~' || x FROM unnest(tsvector_to_array(sounds)) AS x WHERE x <> '^');
    FOR n IN 2 .. cardinality(parts) LOOP
      IF strpos(substr(parts[n - 1], 2), ',') < length(parts[n - 1]) - 1 OR strpos(substr(parts[n], 2), ',') < length(parts[n]) - 1 THEN
        tokens := tokens || ARRAY(SELECT '^' || left(x, 1) || left(y, 1)
          FROM unnest(string_to_array(btrim(parts[n - 1], ','), ',')) AS x,
            unnest(string_to_array(btrim(parts[n], ','), ',')) AS y);
      ELSE
        tokens := tokens || ('^' || substr(parts[n - 1], 2, 1) || substr(parts[n], 2, 1));
      END IF;
    END LOOP;
  END IF;
  words := array_to_tsvector(ARRAY(SELECT DISTINCT left(t, 400) FROM unnest(tokens) AS t WHERE t NOT IN ('', '=', '#')));
END $$
"""


class Kind(NamedTuple):
    """`rows`: SELECT of (thing, code, zh, en, district, classification, dept, layer_id, geom, codes, more) of `{source}
    AS t`; `shown`: which rows of the table have an entry; `told`: what of a row an entry is made of."""

    name: str
    table: str
    rows: str
    told: tuple[str, ...]
    shown: str = "true"
    key: str = "t.id"


NONE = "NULL::text"
# as each language says it; a street whose name nobody has translated goes before its number in both
DOOR_ZH = (
    f"CASE WHEN t.street_zh ~ '[{HAN}]' THEN t.street_zh || t.number || '号' ELSE t.street_zh || ' ' || t.number END"
)
DOOR_EN = (
    "CASE WHEN t.street_en = t.street_zh THEN t.street_en || ' ' || t.number ELSE t.number || ' ' || t.street_en END"
)
KINDS = (
    Kind(
        "district",
        "district",
        f"t.code, t.code, t.name_zh, t.name_en, '000000', 0, {NONE}, {NONE}, ST_PointOnSurface(t.geom), ARRAY[t.code], {NONE}",
        ("code", "name_zh", "name_en", "geom"),
        key="t.code",
    ),
    Kind(
        "facility",
        "facility",
        f"t.id, t.id, t.name_zh, t.name_en, t.district, t.classification, {NONE}, {NONE}, t.geom, ARRAY[t.id], {NONE}",
        ("id", "name_zh", "name_en", "district", "classification", "geom"),
    ),
    Kind(
        "sensor",
        "sensor",
        f"t.id, t.id, t.name_zh, t.name_en, t.district, t.classification, {NONE}, {NONE}, t.geom, ARRAY[t.id], {NONE}",
        ("id", "name_zh", "name_en", "district", "classification", "geom", "status"),
        "t.status <> 'retired'",
    ),
    Kind(
        "camera",
        "camera",
        f"t.id, t.id, t.name_zh, t.name_en, t.district, t.classification, {NONE}, {NONE}, t.geom, ARRAY[t.id], {NONE}",
        ("id", "name_zh", "name_en", "district", "classification", "geom"),
    ),
    Kind(
        "unit",
        "unit",
        f"t.id, t.id, t.name_zh, t.name_en, 'any', 0, {NONE}, {NONE}, t.home, ARRAY[t.id, t.plate], {NONE}",
        ("id", "name_zh", "name_en", "plate", "home"),
    ),
    Kind(
        "incident",
        "incident",
        f"t.id::text, t.number, t.titles->>'zh', t.titles->>'en', 'any', t.classification, {NONE}, {NONE}, t.geom, ARRAY[t.number, split_part(t.number, '-', 2)], t.address",
        ("id", "number", "titles", "address", "classification", "geom", "status"),
        f"t.status NOT IN {ENDED}",
        key="t.id::text",
    ),
    Kind(
        "asset",
        "asset",
        f"t.id, t.id, t.name_zh, t.name_en, t.district, 0, t.dept, {NONE}, t.geom, ARRAY[t.id], {NONE}",
        ("id", "name_zh", "name_en", "district", "dept", "geom"),
    ),
    Kind(
        "building",
        "building",
        f"t.id::text, {NONE}, COALESCE(NULLIF(t.name_zh, ''), NULLIF(t.name_en, '')), t.name_en, '000000', 0, {NONE}, {NONE}, t.center, ARRAY[{NONE}], {NONE}",
        ("id", "name_zh", "name_en", "center"),
        "COALESCE(NULLIF(t.name_zh, ''), NULLIF(t.name_en, '')) IS NOT NULL",
        key="t.id::text",
    ),
    Kind(
        "address",
        "address",
        f"t.id, {NONE}, {DOOR_ZH}, {DOOR_EN}, t.district, 0, {NONE}, {NONE}, t.geom, ARRAY[t.street_zh || t.number, t.street_en || ' ' || t.number], {NONE}",
        ("id", "street_zh", "street_en", "number", "district", "geom"),
    ),
    Kind(
        "row",
        "layer_row",
        f"t.layer_id || '/' || t.id, t.key, COALESCE(l.label, t.key), COALESCE(l.label, t.key), t.district, 0, {NONE}, t.layer_id, ST_PointOnSurface(t.geom), ARRAY[t.key], {NONE}",
        ("layer_id", "key", "props", "district", "geom"),
        key="t.layer_id || '/' || t.id",
    ),
)
LABEL = """
LEFT JOIN LATERAL (SELECT t.props->>(c->>'name') AS label FROM layer o, jsonb_array_elements(o.columns) AS c
  WHERE o.id = t.layer_id AND c->>'role' = 'label' LIMIT 1) AS l ON true
"""
# streets and areas come in pieces of one name: those that lie together (degrees) are one thing
PIECES = (
    Kind(
        "street",
        "street",
        "min(t.id)::text, NULL::text, t.name, min(t.name_en), '000000'",
        ("name_zh", "name_en", "geom"),
    ),
    Kind(
        "area",
        "area",
        "min(t.layer || '/' || t.id), NULL::text, t.name, min(t.name_en), '000000'",
        ("name_zh", "name_en", "geom"),
    ),
)
TOGETHER = 0.004
COLUMNS = "kind, thing, code, zh, en, district, classification, dept, layer_id, geom, words, key_zh, key_en, sounds"
# of letters alone: what has figures is a code and is not mistyped into another
WORDS = f"""
INSERT INTO search_word (word) SELECT DISTINCT s.word FROM put, unnest(string_to_array(put.key_en, ' ')) AS s (word)
WHERE length(s.word) BETWEEN 4 AND 40 AND s.word !~ '[0-9{HAN}]'
  AND NOT EXISTS (SELECT 1 FROM search_word w WHERE w.word = s.word)
"""


def entries(kind: Kind, source: str, where: str = "true") -> str:
    """The statement that makes entries of the rows of `source`."""
    label = LABEL if kind.name == "row" else ""
    return f"""
WITH put AS (
  INSERT INTO search_name ({COLUMNS})
  SELECT '{kind.name}', f.thing, f.code, f.zh, f.en, f.district, f.classification, f.dept, f.layer_id, f.geom, e.words,
    e.key_zh, e.key_en, e.sounds
  FROM (SELECT {kind.rows} FROM {source} AS t {label} WHERE {kind.shown} AND {where})
    AS f (thing, code, zh, en, district, classification, dept, layer_id, geom, codes, more),
    LATERAL search_entry('{kind.name}', f.district, f.zh, f.en, f.codes, f.more) AS e
  RETURNING key_en)
{WORDS}
"""


def pieces(kind: Kind, where: str) -> str:
    """The statement that makes entries of things that come in pieces, by their names."""
    return f"""
WITH put AS (
  INSERT INTO search_name ({COLUMNS})
  SELECT '{kind.name}', f.thing, f.code, f.zh, f.en, f.district, 0, NULL, NULL, f.geom, e.words, e.key_zh, e.key_en,
    e.sounds
  FROM (
    SELECT {kind.rows}, ST_PointOnSurface(ST_Collect(t.geom)) FROM (
      SELECT p.*, COALESCE(NULLIF(p.name_zh, ''), NULLIF(p.name_en, '')) AS name,
        ST_ClusterDBSCAN(p.geom, {TOGETHER}, 1) OVER (PARTITION BY COALESCE(NULLIF(p.name_zh, ''), NULLIF(p.name_en, ''))) AS piece
      FROM {kind.table} AS p WHERE COALESCE(NULLIF(p.name_zh, ''), NULLIF(p.name_en, '')) IS NOT NULL AND {where}) AS t
    GROUP BY t.name, t.piece) AS f (thing, code, zh, en, district, geom),
    LATERAL search_entry('{kind.name}', f.district, f.zh, f.en, ARRAY[]::text[], NULL) AS e
  RETURNING key_en)
{WORDS}
"""


def keep_function(kind: Kind) -> str:
    came, went = (", ".join(f"{row}.{column}" for column in kind.told) for row in ("c", "g"))
    same = f"ROW({came}) IS NOT DISTINCT FROM ROW({went})"
    identity = "id" if kind.name != "district" else "code"
    gone = kind.key.replace("t.", "g.")
    unchanged = f"EXISTS (SELECT 1 FROM come c WHERE c.{identity} = g.{identity} AND {same})"
    new = f"NOT EXISTS (SELECT 1 FROM gone g WHERE g.{identity} = t.{identity} AND {same.replace('c.', 't.')})"
    delete = f"DELETE FROM search_name n USING gone g WHERE n.kind = '{kind.name}' AND n.thing = {gone}"
    return f"""
CREATE FUNCTION find_{kind.table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    {delete};
  ELSIF TG_OP = 'INSERT' THEN
    {entries(kind, "come")};
  ELSE
    {delete} AND NOT {unchanged};
    {entries(kind, "come", new)};
  END IF;
  RETURN NULL;
END $$
"""


def keep_pieces_function(kind: Kind) -> str:
    of = "SELECT COALESCE(NULLIF(name_zh, ''), NULLIF(name_en, '')) FROM"
    return f"""
CREATE FUNCTION find_{kind.table}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  names text[];
BEGIN
  IF TG_OP = 'DELETE' THEN
    names := ARRAY(SELECT DISTINCT x FROM ({of} gone) AS o (x) WHERE x IS NOT NULL);
  ELSIF TG_OP = 'INSERT' THEN
    names := ARRAY(SELECT DISTINCT x FROM ({of} come) AS o (x) WHERE x IS NOT NULL);
  ELSE
    names := ARRAY(SELECT DISTINCT COALESCE(NULLIF(x.name_zh, ''), NULLIF(x.name_en, '')) FROM (
      (SELECT id, name_zh, name_en, geom FROM come EXCEPT SELECT id, name_zh, name_en, geom FROM gone) UNION ALL
      (SELECT id, name_zh, name_en, geom FROM gone EXCEPT SELECT id, name_zh, name_en, geom FROM come)) AS x
      WHERE COALESCE(NULLIF(x.name_zh, ''), NULLIF(x.name_en, '')) IS NOT NULL);
  END IF;
  IF cardinality(names) > 0 THEN
    DELETE FROM search_name n WHERE n.kind = '{kind.name}' AND n.zh = ANY(names);
    {pieces(kind, "COALESCE(NULLIF(p.name_zh, ''), NULLIF(p.name_en, '')) = ANY(names)")};
  END IF;
  RETURN NULL;
END $$
"""


def triggers(table: str) -> tuple[str, ...]:
    head = f"FOR EACH STATEMENT EXECUTE FUNCTION find_{table}()"
    return (
        f"CREATE TRIGGER {table}_found_come AFTER INSERT ON {table} REFERENCING NEW TABLE AS come {head}",
        f"CREATE TRIGGER {table}_found_gone AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone {head}",
        f"CREATE TRIGGER {table}_found AFTER UPDATE ON {table} REFERENCING NEW TABLE AS come OLD TABLE AS gone {head}",
    )


ROW = next(kind for kind in KINDS if kind.name == "row")
LAYER_COLUMNS = f"""
CREATE FUNCTION find_layer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM search_name n WHERE n.kind = 'row' AND n.layer_id = NEW.id AND n.thing LIKE replace(NEW.id, '_', '\\_') || '/%';
  {entries(ROW, "layer_row", "t.layer_id = NEW.id")};
  RETURN NULL;
END $$
"""
LAYER_TRIGGER = """
CREATE TRIGGER layer_found AFTER UPDATE OF columns ON layer FOR EACH ROW WHEN (OLD.columns IS DISTINCT FROM NEW.columns)
EXECUTE FUNCTION find_layer()
"""


def readings() -> list[dict[str, object]]:
    """Of every character that pypinyin knows, the commonest first."""
    found: list[dict[str, object]] = []
    for number, told in pinyin_dict.items():
        bare = dict.fromkeys(map(toneless, told.split(",")))
        kept = [one for one in bare if any(vowel in one for vowel in "aeiouv")][:READINGS]
        if kept:
            found.append({"char": chr(number), "readings": kept})
    return found


def toneless(reading: str) -> str:
    letters = unicodedata.normalize(
        "NFC",
        "".join(c for c in unicodedata.normalize("NFD", reading) if c == "\u0308" or not unicodedata.combining(c)),
    )
    return letters.replace("ü", "v").replace("ê", "e")


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.add_column("unit", sa.Column("plate", sa.Text(), nullable=True))
    op.create_table(
        "address",
        sa.Column("id", NAME, nullable=False),
        sa.Column("street_zh", sa.Text(), nullable=False),
        sa.Column("street_en", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("geom", Geometry("POINT", srid=4326, spatial_index=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address")),
    )
    op.create_index("ix_address_geom", "address", ["geom"], postgresql_using="gist")
    op.create_table(
        "search_name",
        sa.Column("kind", NAME, nullable=False),
        sa.Column("thing", NAME, nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("zh", sa.Text(), nullable=True),
        sa.Column("en", sa.Text(), nullable=True),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("classification", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("dept", sa.Text(), nullable=True),
        sa.Column("layer_id", sa.Text(), nullable=True),
        sa.Column("geom", Geometry("POINT", srid=4326, spatial_index=False), nullable=True),
        sa.Column("key_zh", sa.Text(), nullable=False),
        sa.Column("key_en", sa.Text(), nullable=False),
        sa.Column("sounds", postgresql.TSVECTOR(), nullable=True),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "thing", name=op.f("pk_search_name")),
    )
    op.create_table(
        "search_word",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("word", NAME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_word")),
    )
    op.create_index("ix_search_word_word", "search_word", ["word"])
    op.create_index(
        "ix_search_word_like", "search_word", ["word"], postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}
    )
    table = op.create_table(
        "pinyin",
        sa.Column("char", NAME, nullable=False),
        sa.Column("readings", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("char", name=op.f("pk_pinyin")),
    )
    op.bulk_insert(table, readings())
    op.execute("ANALYZE pinyin")
    for statement in (FOLD, ENTRY):
        op.execute(sa.text(statement.replace(":", r"\:")))
    for kind in KINDS:
        op.execute(sa.text(entries(kind, kind.table).replace(":", r"\:")))
        op.execute(sa.text(keep_function(kind).replace(":", r"\:")))
    for kind in PIECES:
        op.execute(sa.text(pieces(kind, "true").replace(":", r"\:")))
        op.execute(sa.text(keep_pieces_function(kind).replace(":", r"\:")))
    for kind in (*KINDS, *PIECES):
        for statement in triggers(kind.table):
            op.execute(statement)
    op.execute(sa.text(LAYER_COLUMNS.replace(":", r"\:")))
    op.execute(LAYER_TRIGGER)
    op.create_index(
        "ix_search_name_words",
        "search_name",
        ["words"],
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 256},
    )
    op.create_index("ix_search_name_geom", "search_name", ["geom"], postgresql_using="gist")


def downgrade() -> None:
    op.execute("DROP TRIGGER layer_found ON layer")
    op.execute("DROP FUNCTION find_layer()")
    for kind in (*KINDS, *PIECES):
        for name in ("found_come", "found_gone", "found"):
            op.execute(f"DROP TRIGGER {kind.table}_{name} ON {kind.table}")
        op.execute(f"DROP FUNCTION find_{kind.table}()")
    op.execute("DROP FUNCTION search_entry(text, text, text, text, text[], text)")
    op.execute("DROP FUNCTION fold_name(text)")
    for name in ("pinyin", "search_word", "search_name", "address"):
        op.drop_table(name)
    op.drop_column("unit", "plate")
