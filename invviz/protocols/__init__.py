"""What a client sends."""

from ._base import Protocol
from .hfl import HFL
from .vfl import VFL

PROTOCOLS: dict[str, type[Protocol]] = {"hfl": HFL, "vfl": VFL}

__all__ = ["HFL", "PROTOCOLS", "VFL", "Protocol"]
