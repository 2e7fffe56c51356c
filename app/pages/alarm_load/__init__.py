"""The page `/alarm-load`: how alarms load whoever watches them, by the figures of EEMUA 191 and ISA-18.2."""

from app.pages.alarm_load.callbacks import register
from app.pages.alarm_load.layout import draw

__all__ = ["draw", "register"]
