"""LPIPS: a learned distance that is close to what people see. Optional."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..core.errors import MissingExtra
from ..core.lazy import torch
from ..core.torchvision import load_torchvision
from ._base import Metric

BACKBONE = "alexnet-owt-7be5be79.pth"  # torchvision's file name of the backbone that LPIPS was calibrated on


@dataclasses.dataclass(frozen=True)
class LPIPS(Metric):
    """Learned perceptual distance (AlexNet version); 0 is perfect. Needs the package `lpips` and its backbone's weights on disk."""

    name: ClassVar[str] = "lpips"
    title: ClassVar[str] = "LPIPS"
    paper: ClassVar[str] = "zhang2018lpips"
    higher_is_better: ClassVar[bool] = False
    perfect: ClassVar[float] = 0.0
    modalities: ClassVar[tuple[str, ...]] = ("picture",)
    optional: ClassVar[bool] = True

    def score(self, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Scores, shape (n,); grey pictures are repeated to three channels, small ones enlarged to 64 pixels.

        Raises:
            MissingExtra: the package or the weights are absent; nothing is downloaded here.
        """
        _require()
        load_torchvision()
        import lpips  # type: ignore[import-not-found]

        net = lpips.LPIPS(net="alex", verbose=False).eval()  # type: ignore  (it takes this file for the package)
        with torch.no_grad():
            return net(_ready(guess), _ready(truth), normalize=True).flatten().double().numpy()


def _ready(pictures: np.ndarray) -> torch.Tensor:
    images = torch.as_tensor(pictures, dtype=torch.float32)
    images = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
    return torch.nn.functional.interpolate(images, size=(64, 64), mode="nearest") if images.shape[-1] < 64 else images


def _require() -> None:
    if importlib.util.find_spec("lpips") is None:
        raise MissingExtra("LPIPS needs the package lpips, which is not installed. Install it with: pip install lpips==0.1.4")
    weights = Path(torch.hub.get_dir()) / "checkpoints" / BACKBONE
    if not weights.is_file():
        raise MissingExtra(
            f"LPIPS needs the weights of torchvision's AlexNet, and invviz downloads nothing by itself. Put {BACKBONE} into {weights.parent} "
            "(on a machine with network: python -c \"import torchvision; torchvision.models.alexnet(weights='DEFAULT')\")."
        )
