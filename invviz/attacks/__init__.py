"""How an attacker turns a message back into a batch."""

from ._base import Answer, Attack, MaliciousAttack
from .dlg import DLG
from .features import FeatureInversion
from .fora import FORA
from .hijacking import Hijacking
from .idlg import IDLG
from .inverse_network import InverseNetwork
from .inverting_gradients import InvertingGradients
from .least_squares import LeastSquares
from .linear_layer import LinearLayer
from .peeling import Peeling
from .rmle import RMLE
from .spear import Spear
from .unsplit import UnSplit

ATTACKS: dict[str, type[Attack]] = {
    "dlg": DLG,
    "idlg": IDLG,
    "inverting_gradients": InvertingGradients,
    "linear_layer": LinearLayer,
    "peeling": Peeling,
    "spear": Spear,
    "features": FeatureInversion,
    "rmle": RMLE,
    "inverse_network": InverseNetwork,
    "least_squares": LeastSquares,
    "unsplit": UnSplit,
    "fora": FORA,
    "hijacking": Hijacking,
}

__all__ = [
    "ATTACKS",
    "DLG",
    "FORA",
    "IDLG",
    "RMLE",
    "Answer",
    "Attack",
    "FeatureInversion",
    "Hijacking",
    "InverseNetwork",
    "InvertingGradients",
    "LeastSquares",
    "LinearLayer",
    "MaliciousAttack",
    "Peeling",
    "Spear",
    "UnSplit",
]
