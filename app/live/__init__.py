"""The live channel: what is live (kinds), who listens (client), and what brings both together (hub)."""

from app.live.hub import Hub
from app.live.kinds import KINDS

__all__ = ["KINDS", "Hub"]
