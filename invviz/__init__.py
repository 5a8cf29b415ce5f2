"""invviz: see how much of private data a federated-learning update gives away, and what a defense costs."""

__version__ = "0.1.0"
