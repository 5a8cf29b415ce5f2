"""What a client can notice before it answers. A detector is one file here and its line in the table; none is built in yet."""

from ._base import Detector

DETECTORS: dict[str, type[Detector]] = {}

__all__ = ["DETECTORS", "Detector"]
