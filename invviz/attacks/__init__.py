"""How an attacker turns a message back into a batch."""

from ._base import Attack
from .april import APRIL
from .april_optimisation import APRILOptimisation
from .bins import ReadBins
from .class_prior import ClassPrior
from .dager import Dager
from .decoder import ReadDecoder
from .deep_image_prior import DeepImagePrior
from .dlg import DLG
from .embedding_rows import EmbeddingRows
from .features import FeatureInversion
from .fora import FORA
from .gauss_newton import GaussNewton
from .generative_prior import GenerativePrior
from .gia_estimate import GIAEstimate
from .gia_running import GIARunning
from .idlg import IDLG
from .inverse_network import InverseNetwork
from .inverting_gradients import InvertingGradients
from .inverting_gradients_fd import InvertingGradientsFD
from .lamp import LAMP
from .least_squares import LeastSquares
from .linear_layer import LinearLayer
from .neurons import ReadNeurons
from .pca_prior import PCAPrior
from .peeling import Peeling
from .per_class import PerClass
from .plug_and_play import PlugAndPlay
from .rmle import RMLE
from .see_through import SeeThrough
from .singled_out import SingledOut
from .spear import Spear
from .tableak import TabLeak
from .tag import TAG
from .tangent import Tangent
from .unsplit import UnSplit

ATTACKS: dict[str, type[Attack]] = {
    "dlg": DLG,
    "idlg": IDLG,
    "inverting_gradients": InvertingGradients,
    "inverting_gradients_fd": InvertingGradientsFD,
    "gia_running": GIARunning,
    "gia_estimate": GIAEstimate,
    "gauss_newton": GaussNewton,
    "deep_image_prior": DeepImagePrior,
    "pca_prior": PCAPrior,
    "class_prior": ClassPrior,
    "generative_prior": GenerativePrior,
    "plug_and_play": PlugAndPlay,
    "see_through": SeeThrough,
    "linear_layer": LinearLayer,
    "peeling": Peeling,
    "april": APRIL,
    "april_optimisation": APRILOptimisation,
    "spear": Spear,
    "dager": Dager,
    "embedding_rows": EmbeddingRows,
    "tableak": TabLeak,
    "tag": TAG,
    "lamp": LAMP,
    "features": FeatureInversion,
    "tangent": Tangent,
    "rmle": RMLE,
    "inverse_network": InverseNetwork,
    "least_squares": LeastSquares,
    "unsplit": UnSplit,
    "fora": FORA,
    "bins": ReadBins,
    "neurons": ReadNeurons,
    "singled_out": SingledOut,
    "per_class": PerClass,
    "decoder": ReadDecoder,
}

__all__ = [
    "APRIL",
    "ATTACKS",
    "DLG",
    "FORA",
    "IDLG",
    "LAMP",
    "RMLE",
    "TAG",
    "APRILOptimisation",
    "Attack",
    "ClassPrior",
    "Dager",
    "DeepImagePrior",
    "EmbeddingRows",
    "FeatureInversion",
    "GIAEstimate",
    "GIARunning",
    "GaussNewton",
    "GenerativePrior",
    "InverseNetwork",
    "InvertingGradients",
    "InvertingGradientsFD",
    "LeastSquares",
    "LinearLayer",
    "PCAPrior",
    "Peeling",
    "PerClass",
    "PlugAndPlay",
    "ReadBins",
    "ReadNeurons",
    "SeeThrough",
    "SingledOut",
    "Spear",
    "TabLeak",
    "Tangent",
    "UnSplit",
]
