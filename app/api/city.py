"""/api/city, /api/vocabulary, /api/texts"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter

from app.dashboard import texts
from app.deps import Conn, Who
from core.vocabulary import Vocabulary, vocabulary
from layers.place import City, read_city

router = APIRouter(tags=["city"])


@router.get("/api/city")
def get_city(conn: Conn, who: Who) -> City:
    return read_city(conn)


@router.get("/api/vocabulary")
def get_vocabulary(who: Who) -> Vocabulary:
    """Tables of words, and the sets of words that mean something together (`sets`)."""
    return vocabulary()


@router.get("/api/texts")
def get_texts(who: Who) -> Mapping[str, Mapping[str, str]]:
    """The page's texts in both languages."""
    return texts.catalogue()
