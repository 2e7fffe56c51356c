"""What every long-running process shares: lives and their lease, supervised threads, chores, the signs of being
alive."""

from core.process.chores import Chore, Chores
from core.process.crew import Crew
from core.process.faults import first_line, is_lost_race, is_of_connection, known
from core.process.heartbeat import HEARTBEAT_S, Heartbeat
from core.process.lease import Fence, Lease, take_lease
from core.process.life import Backoff, keep_running, stop_on_signal
from core.process.pulse import BEAT_FD, Pulse
from core.process.transact import transact

__all__ = [
    "BEAT_FD",
    "HEARTBEAT_S",
    "Backoff",
    "Chore",
    "Chores",
    "Crew",
    "Fence",
    "Heartbeat",
    "Lease",
    "Pulse",
    "first_line",
    "is_lost_race",
    "is_of_connection",
    "keep_running",
    "known",
    "stop_on_signal",
    "take_lease",
    "transact",
]
