"""Who decides which net a client is sent, and what of the messages the server gets to see."""

from ._base import Server, ServerGradient
from .aggregation import AGGREGATIONS, Aggregation, Plain
from .fishing import Fishing
from .geminio import Geminio
from .hijacking import Hijacking
from .honest import Honest
from .imprint import Imprint
from .inconsistent import Inconsistent
from .loki import Loki
from .mkor import MKOR
from .qbi import QBI
from .scale_mia import ScaleMIA
from .sybils import Sybils
from .trap_weights import TrapWeights

SERVERS: dict[str, type[Server]] = {
    "honest": Honest,
    "imprint": Imprint,
    "trap_weights": TrapWeights,
    "qbi": QBI,
    "loki": Loki,
    "inconsistent": Inconsistent,
    "sybils": Sybils,
    "fishing": Fishing,
    "geminio": Geminio,
    "mkor": MKOR,
    "scale_mia": ScaleMIA,
    "hijacking": Hijacking,
}

__all__ = [
    "AGGREGATIONS",
    "MKOR",
    "QBI",
    "SERVERS",
    "Aggregation",
    "Fishing",
    "Geminio",
    "Hijacking",
    "Honest",
    "Imprint",
    "Inconsistent",
    "Loki",
    "Plain",
    "ScaleMIA",
    "Server",
    "ServerGradient",
    "Sybils",
    "TrapWeights",
]
