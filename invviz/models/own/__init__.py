"""Nets of one's own without code: layers as JSON, and weights that go with them."""

from ._kinds import KINDS
from ._modules import build
from ._read import MAX_PARAMETERS, MAX_PRODUCTS, Architecture, Layer, read_layers
from ._weights import matched

__all__ = ["KINDS", "MAX_PARAMETERS", "MAX_PRODUCTS", "Architecture", "Layer", "build", "matched", "read_layers"]
