"""What is found by its name: an entry a thing, kept by triggers on the tables of the things (migration 0024)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Identity, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Name, point


class Address(Base):
    """A number of a street, as a register or a map has it. None is made up."""

    __tablename__ = "address"
    __table_args__ = (Index("ix_address_geom", "geom", postgresql_using="gist"),)

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    street_zh: Mapped[str]
    street_en: Mapped[str]
    # 88, 12-14, 5A: as it stands at the door, without the word for number
    number: Mapped[str]
    district: Mapped[str]
    geom: Mapped[Any] = mapped_column(point())


class SearchName(Base):
    """An entry of the index of names (core.finding): what is shown of a thing, and how it is found."""

    __tablename__ = "search_name"
    __table_args__ = (
        Index("ix_search_name_words", "words", postgresql_using="gin", postgresql_with={"gin_pending_list_limit": 256}),
        Index("ix_search_name_geom", "geom", postgresql_using="gist"),
    )

    kind: Mapped[str] = mapped_column(Name, primary_key=True)
    # as the API names it; of a street the least of its edges, of an own layer's row layer/number
    thing: Mapped[str] = mapped_column(Name, primary_key=True)
    code: Mapped[str | None]
    zh: Mapped[str | None]
    en: Mapped[str | None]
    district: Mapped[str]
    classification: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    dept: Mapped[str | None]
    # of a row: its layer, which says who may see it
    layer_id: Mapped[str | None]
    geom: Mapped[Any | None] = mapped_column(point())
    # folded (core.finding.fold), without blanks and with them
    key_zh: Mapped[str]
    key_en: Mapped[str]
    # every reading of each character at its place: '^':1 'chong':2 'zhong':2 'qing':3
    sounds: Mapped[Any | None] = mapped_column(TSVECTOR)
    # what the index holds of it: words, characters, and tokens that begin with a sign (migration 0024)
    words: Mapped[Any] = mapped_column(TSVECTOR)


class SearchWord(Base):
    """A word of letters that stands in some name: what a mistyped one may have meant. A word may stand here twice, and
    after its names are gone."""

    __tablename__ = "search_word"
    __table_args__ = (
        Index("ix_search_word_word", "word"),
        Index("ix_search_word_like", "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    word: Mapped[str] = mapped_column(Name)


class Pinyin(Base):
    """How a Chinese character is read, without tones; ü is v. The commonest reading first, three at most."""

    __tablename__ = "pinyin"

    char: Mapped[str] = mapped_column(Name, primary_key=True)
    readings: Mapped[list[str]]
