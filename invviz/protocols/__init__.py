"""What a client sends."""

from ._base import Protocol
from .hfl import HFL

PROTOCOLS: dict[str, type[Protocol]] = {"hfl": HFL}

__all__ = ["HFL", "PROTOCOLS", "Protocol"]
