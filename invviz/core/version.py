"""The version of the package, which results and reports name."""

__version__ = "0.1.0"
