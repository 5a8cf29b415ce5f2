"""What a client does to its message before it sends it. No defense in a scenario means that the message is sent as it is."""

from ._base import Defense
from .clipping import Clipping
from .gaussian_noise import GaussianNoise
from .laplace_noise import LaplaceNoise
from .pruning import Pruning
from .quantisation import Quantisation

DEFENSES: dict[str, type[Defense]] = {
    "gaussian_noise": GaussianNoise,
    "laplace_noise": LaplaceNoise,
    "clipping": Clipping,
    "pruning": Pruning,
    "quantisation": Quantisation,
}

__all__ = ["DEFENSES", "Clipping", "Defense", "GaussianNoise", "LaplaceNoise", "Pruning", "Quantisation"]
