"""Who decides which net a client is sent, and what of the messages the server gets to see."""

from ._base import Server
from .aggregation import AGGREGATIONS, Aggregation, Plain
from .honest import Honest
from .imprint import Imprint

SERVERS: dict[str, type[Server]] = {
    "honest": Honest,
    "imprint": Imprint,
}

__all__ = ["AGGREGATIONS", "SERVERS", "Aggregation", "Honest", "Imprint", "Plain", "Server"]
