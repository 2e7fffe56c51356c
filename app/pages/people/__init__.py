"""The page `/people`: accounts with role and scope, roles, sessions and tokens."""

from app.pages.people.callbacks import register
from app.pages.people.layout import draw

__all__ = ["draw", "register"]
