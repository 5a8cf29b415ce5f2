"""How an attacker turns a message back into a batch."""

from ._base import Attack
from .dlg import DLG
from .idlg import IDLG
from .inverse_network import InverseNetwork
from .inverting_gradients import InvertingGradients
from .least_squares import LeastSquares
from .linear_layer import LinearLayer
from .rmle import RMLE

ATTACKS: dict[str, type[Attack]] = {
    "dlg": DLG,
    "idlg": IDLG,
    "inverting_gradients": InvertingGradients,
    "linear_layer": LinearLayer,
    "rmle": RMLE,
    "inverse_network": InverseNetwork,
    "least_squares": LeastSquares,
}

__all__ = ["ATTACKS", "DLG", "IDLG", "RMLE", "Attack", "InverseNetwork", "InvertingGradients", "LeastSquares", "LinearLayer"]
