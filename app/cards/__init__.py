"""What a card shows of one thing, for `/api/cards` and for the card of the One Map page alike."""

from app.cards.nouns import Card
from app.cards.read import READERS, read_card

__all__ = ["READERS", "Card", "read_card"]
