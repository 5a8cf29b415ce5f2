"""What the server sees of the messages of a round."""

from ._base import Aggregation
from .plain import Plain

AGGREGATIONS: dict[str, type[Aggregation]] = {"plain": Plain}

__all__ = ["AGGREGATIONS", "Aggregation", "Plain"]
