"""invviz: see how much of private data a federated-learning update gives away, and what a defense costs."""

from pathlib import Path

__version__ = "0.1.0"

__path__.append(
    str(Path(__file__).with_name("studies") / "_commands")
)  # shipped files name python -m invviz.gallery, .calibration and .equal
