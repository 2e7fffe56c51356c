"""Finding things by their names, codes and addresses.

Every thing that is found has an entry in table `search_name`, written by triggers of its own table in the transaction
that changes it (migration 0024; docs/decisions/0026). Each part says of its kinds how they are seen and where they are
(`Indexed`), or looks for them itself (`Direct`); app composes.
"""

from core.finding.asked import Asked, ask
from core.finding.nouns import Direct, Found, Hit, Indexed, Provider
from core.finding.search import search

__all__ = ["Asked", "Direct", "Found", "Hit", "Indexed", "Provider", "ask", "search"]
