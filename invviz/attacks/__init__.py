"""How an attacker turns a message back into a batch."""

from ._base import Attack
from .dlg import DLG
from .idlg import IDLG
from .inverting_gradients import InvertingGradients
from .linear_layer import LinearLayer

ATTACKS: dict[str, type[Attack]] = {
    "dlg": DLG,
    "idlg": IDLG,
    "inverting_gradients": InvertingGradients,
    "linear_layer": LinearLayer,
}

__all__ = ["ATTACKS", "DLG", "IDLG", "Attack", "InvertingGradients", "LinearLayer"]
