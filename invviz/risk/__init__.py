"""How much a release tells about the batch: the spectrum of its Jacobian, InvLoss, InvRE and the ideal attacker."""

from .ideal import ideal
from .invloss import floor_sigma, invloss, invloss_bound, invloss_bound_here, k_here, k_star, total_sigma, van_trees_bound
from .invre import band, invre, psnr_ceiling
from .jacobian import Cancelled, Jacobian
from .prior import PRIORS, Prior
from .spectrum import Decomposition, decompose

__all__ = [
    "PRIORS",
    "Cancelled",
    "Decomposition",
    "Jacobian",
    "Prior",
    "band",
    "decompose",
    "floor_sigma",
    "ideal",
    "invloss",
    "invloss_bound",
    "invloss_bound_here",
    "invre",
    "k_here",
    "k_star",
    "psnr_ceiling",
    "total_sigma",
    "van_trees_bound",
]
