"""Who decides which net a client is sent, and what of the messages the server gets to see."""

from ._base import Server
from .aggregation import AGGREGATIONS, Aggregation, Plain
from .honest import Honest
from .imprint import Imprint
from .qbi import QBI
from .trap_weights import TrapWeights

SERVERS: dict[str, type[Server]] = {
    "honest": Honest,
    "imprint": Imprint,
    "trap_weights": TrapWeights,
    "qbi": QBI,
}

__all__ = ["AGGREGATIONS", "QBI", "SERVERS", "Aggregation", "Honest", "Imprint", "Plain", "Server", "TrapWeights"]
