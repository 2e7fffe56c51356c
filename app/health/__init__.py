"""How well the whole is: what `/api/health` answers, the same as Prometheus text, and the doctor's plain words."""

from app.health.read import Health, read_health

__all__ = ["Health", "read_health"]
