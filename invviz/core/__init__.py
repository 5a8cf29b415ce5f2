"""The vocabulary of invviz."""
