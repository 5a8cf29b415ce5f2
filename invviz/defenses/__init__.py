"""What a client does to its message before it sends it. No defense in a scenario means that the message is sent as it is."""

from ._base import Defense
from .clipping import Clipping
from .dp_sgd import DPSGD
from .gaussian_noise import GaussianNoise
from .laplace_noise import LaplaceNoise
from .local_dp import LocalDP
from .pruning import Pruning
from .quantisation import Quantisation
from .random_pruning import RandomPruning
from .selective_encryption import SelectiveEncryption
from .stochastic_quantisation import StochasticQuantisation

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
}

__all__ = [
    "DEFENSES",
    "DPSGD",
    "Clipping",
    "Defense",
    "GaussianNoise",
    "LaplaceNoise",
    "LocalDP",
    "Pruning",
    "Quantisation",
    "RandomPruning",
    "SelectiveEncryption",
    "StochasticQuantisation",
]
