"""How well the whole is: what `/api/health` answers, the same as Prometheus text, and the doctor's plain words."""

from app.health.read import read_health

__all__ = ["read_health"]
