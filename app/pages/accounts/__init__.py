"""The page `/devices`: accounts of devices, units and gateways at the broker, and what each speaks for."""

from app.pages.accounts.callbacks import register
from app.pages.accounts.layout import draw

__all__ = ["draw", "register"]
