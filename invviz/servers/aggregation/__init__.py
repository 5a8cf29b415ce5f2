"""What the server sees of the messages of a round."""

from ._base import Aggregation
from .plain import Plain
from .secure import Secure

AGGREGATIONS: dict[str, type[Aggregation]] = {"plain": Plain, "secure": Secure}

__all__ = ["AGGREGATIONS", "Aggregation", "Plain", "Secure"]
