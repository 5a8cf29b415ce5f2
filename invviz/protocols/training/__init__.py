"""How a net is trained through a defended release."""

from ._base import Training
from ._split import shards
from .federated import Federated

TRAININGS: dict[str, type[Training]] = {"federated": Federated}

__all__ = ["TRAININGS", "Federated", "Training", "shards"]
