"""Denoisers of scikit-image, as functions of pictures and of the deviation of the noise in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

SMALL = 16  # pixels of the shorter side below which patches are 3 pixels wide, else 5
REACH = 8  # pixels as far as which alike patches are looked for, at most half the shorter side
SOFT = 0.6  # of the noise: by how much patches may differ (measured on photos and CIFAR-10: 0.4 to 0.8 are alike)
FLAT = 0.8  # weight of the total variation over the noise (measured: 0.6 and 1 are alike)
DENOISERS = ("nl_means", "tv")


def denoised(image: Tensor, sigma: float, how: str) -> Tensor:
    """Pictures without normal noise of deviation `sigma`, shape (b, c, h, w) as given; not differentiable.

    `nl_means` averages over patches that are alike (buades2005nlm), `tv` looks for few and short edges (chambolle2004tv).
    """
    import numpy as np

    pictures = image.detach().cpu().double().numpy().transpose(0, 2, 3, 1)
    clean = np.stack([_one(picture, sigma, how) for picture in pictures]).transpose(0, 3, 1, 2)
    return torch.as_tensor(np.ascontiguousarray(clean)).to(image)


def _one(picture: np.ndarray, sigma: float, how: str) -> np.ndarray:
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

    axis, given = (-1, picture) if picture.shape[-1] > 1 else (None, picture[..., 0])
    if how == "tv":
        return denoise_tv_chambolle(given, weight=FLAT * sigma, channel_axis=axis).reshape(picture.shape)
    side = min(picture.shape[:2])
    wide = 3 if side < SMALL else 5
    return denoise_nl_means(
        given, patch_size=wide, patch_distance=max(1, min(side // 2, REACH)), h=SOFT * sigma, sigma=sigma, channel_axis=axis
    ).reshape(picture.shape)
