"""From the outbox to whoever is told: changes are routed to subscriptions, one delivery each, and carried by their
senders.

A delivery goes out at least once, in order within its subscription, and waits alone: while one waits for its receiver
those behind it wait with it, those of other subscriptions do not. One that cannot be rendered is set aside and holds up
nobody; a receiver that is slow holds up one thread of many.
"""

from alerts.deliveries.carried import Carriers
from alerts.deliveries.kept import count_waiting, forget_done
from alerts.deliveries.routed import SCORE_WAIT_S, repeat
from alerts.deliveries.turn import deliver

__all__ = ["SCORE_WAIT_S", "Carriers", "count_waiting", "deliver", "forget_done", "repeat"]
