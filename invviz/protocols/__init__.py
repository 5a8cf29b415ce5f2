"""What a client sends."""

from ._base import Protocol
from .hfl import HFL
from .hfl_training import HFLTraining
from .vfl import VFL

PROTOCOLS: dict[str, type[Protocol]] = {"hfl": HFL, "hfl_training": HFLTraining, "vfl": VFL}

__all__ = ["HFL", "PROTOCOLS", "VFL", "HFLTraining", "Protocol"]
