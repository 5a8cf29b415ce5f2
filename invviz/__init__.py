"""invviz: see how much of private data a federated-learning update gives away, and what a defense costs."""

from pathlib import Path

from .core.version import __version__ as __version__

__path__.append(
    str(Path(__file__).with_name("studies") / "_commands")
)  # shipped files name python -m invviz.gallery, .calibration and .equal
