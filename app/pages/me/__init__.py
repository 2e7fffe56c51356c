"""The page `/me`: one's own password, language, sessions and tokens."""

from app.pages.me.callbacks import register
from app.pages.me.view import draw

__all__ = ["draw", "register"]
