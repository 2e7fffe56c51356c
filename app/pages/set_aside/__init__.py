"""The page `/set-aside`: rows that could not be worked through, seen by dispatchers, retried or dropped by
administrators."""

from app.pages.set_aside.callbacks import register
from app.pages.set_aside.view import draw

__all__ = ["draw", "register"]
