"""What a client can notice before it answers. A detector is one file here and its line in the table."""

from ._base import Detector
from ._signals import constant_rows, duplicate_rows, zeros
from .dsnr import DSNR
from .gradient_ratio import GradientRatio
from .loss_jump import LossJump
from .loss_ratio import LossRatio
from .loss_share import LossShare
from .model_hash import ModelHash
from .new_layers import NewLayers
from .risk_jump import RiskJump
from .single_activation import SingleActivation
from .transmit_snr import TransmitSNR
from .update_cosine import UpdateCosine
from .weight_structure import WeightStructure

DETECTORS: dict[str, type[Detector]] = {
    "weight_structure": WeightStructure,
    "transmit_snr": TransmitSNR,
    "new_layers": NewLayers,
    "model_hash": ModelHash,
    "single_activation": SingleActivation,
    "dsnr": DSNR,
    "loss_share": LossShare,
    "loss_jump": LossJump,
    "loss_ratio": LossRatio,
    "gradient_ratio": GradientRatio,
    "update_cosine": UpdateCosine,
    "risk_jump": RiskJump,
}
"""Those that look at weights alone first, then those that try the net on the client's batch."""

__all__ = ["DETECTORS", "Detector", "constant_rows", "duplicate_rows", "zeros"]
