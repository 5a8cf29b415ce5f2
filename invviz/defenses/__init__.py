"""What a client does to its message before it sends it. No defense in a scenario means that the message is sent as it is."""

from ._base import Defense
from ._coloured import Coloured, Kept
from ._fisher import entry_shares, fisher_shares, is_of_parameters
from ._flower import flower_module
from ._noise import UNIT, Noise
from ._penalty import Penalties
from ._stack import BITS, Belief, Stack
from .aggp import AGGP
from .ats import ATS
from .censor import Censor
from .clipping import Clipping
from .dp_sgd import DPSGD
from .dropout import Dropout
from .embedding_dropout import EmbeddingDropout
from .gaussian_noise import GaussianNoise
from .gradient_dropping import GradientDropping
from .invl_dnp import InvLDNP
from .invl_enp import InvLENP
from .invl_gnp import InvLGNP
from .laplace_noise import LaplaceNoise
from .learnable_perturbation import LearnablePerturbation
from .local_dp import LocalDP
from .nopeek import NoPeek
from .optimal_noise import OptimalNoise
from .optimal_pruning import OptimalPruning
from .outpost import Outpost
from .precode import Precode
from .pruning import Pruning
from .quantisation import Quantisation
from .random_pruning import RandomPruning
from .ressfl import ResSFL
from .selective_encryption import SelectiveEncryption
from .sign import Sign
from .soteria import Soteria
from .stochastic_quantisation import StochasticQuantisation
from .water_filling import WaterFilling

DEFENSES: dict[str, type[Defense]] = {
    "gaussian_noise": GaussianNoise,
    "laplace_noise": LaplaceNoise,
    "clipping": Clipping,
    "dp_sgd": DPSGD,
    "local_dp": LocalDP,
    "pruning": Pruning,
    "random_pruning": RandomPruning,
    "selective_encryption": SelectiveEncryption,
    "quantisation": Quantisation,
    "stochastic_quantisation": StochasticQuantisation,
    "sign": Sign,
    "gradient_dropping": GradientDropping,
    "optimal_pruning": OptimalPruning,
    "soteria": Soteria,
    "aggp": AGGP,
    "dropout": Dropout,
    "censor": Censor,
    "precode": Precode,
    "ats": ATS,
    "learnable_perturbation": LearnablePerturbation,
    "invl_gnp": InvLGNP,
    "invl_enp": InvLENP,
    "invl_dnp": InvLDNP,
    "water_filling": WaterFilling,
    "optimal_noise": OptimalNoise,
    "outpost": Outpost,
    "embedding_dropout": EmbeddingDropout,
    "nopeek": NoPeek,
    "ressfl": ResSFL,
}

__all__ = [
    "AGGP",
    "ATS",
    "BITS",
    "DEFENSES",
    "DPSGD",
    "UNIT",
    "Belief",
    "Censor",
    "Clipping",
    "Coloured",
    "Defense",
    "Dropout",
    "EmbeddingDropout",
    "GaussianNoise",
    "GradientDropping",
    "InvLDNP",
    "InvLENP",
    "InvLGNP",
    "Kept",
    "LaplaceNoise",
    "LearnablePerturbation",
    "LocalDP",
    "NoPeek",
    "Noise",
    "OptimalNoise",
    "OptimalPruning",
    "Outpost",
    "Penalties",
    "Precode",
    "Pruning",
    "Quantisation",
    "RandomPruning",
    "ResSFL",
    "SelectiveEncryption",
    "Sign",
    "Soteria",
    "Stack",
    "StochasticQuantisation",
    "WaterFilling",
    "entry_shares",
    "fisher_shares",
    "flower_module",
    "is_of_parameters",
]
