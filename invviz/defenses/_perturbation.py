"""The trained parts of learnable perturbation: an autoencoder, a net that perturbs its code, and the two they are trained against."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from typing import TYPE_CHECKING

from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.rng import derive

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST = 2_000  # public pictures that are used
PATCH = 4  # pictures are cut into squares of so many pixels, which become channels
WIDTH = 64
AUTOENCODER_STEPS, MINIMAX_STEPS, RATE = 400, 300, 2e-3
STRONGEST = 2.0  # perturbations of up to this size are trained for


@dataclasses.dataclass(frozen=True)
class Public:
    """Public pictures (n, c, h, w) with labels (n,), equal where their contents are."""

    digest: str
    pictures: Tensor = dataclasses.field(compare=False)
    labels: Tensor = dataclasses.field(compare=False)

    @classmethod
    def of(cls, pictures: Tensor, labels: Tensor) -> Public:
        """The first of them, on the CPU in single precision.

        Raises:
            InvvizError: sides that cannot be cut into squares of 4 x 4.
        """
        if pictures.shape[-1] % PATCH or pictures.shape[-2] % PATCH:
            height, width = pictures.shape[-2:]
            raise InvvizError(
                f"learnable_perturbation needs sides that are multiples of {PATCH} pixels; these pictures have {height} x {width}."
            )
        pictures, labels = pictures[:MOST].detach().float().cpu(), labels[:MOST].detach().long().cpu()
        text = hashlib.sha256(str(tuple(pictures.shape)).encode())
        for tensor in (pictures, labels):
            text.update(tensor.contiguous().numpy().tobytes())
        return cls(text.hexdigest(), pictures, labels)


def _net(inputs: int, outputs: int, width: int = WIDTH) -> nn.Module:
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(inputs, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, outputs, 3, padding=1))


def build(channels: int, latent: int) -> nn.Module:
    """Encoder, decoder and perturbation; smooth, so that the release keeps its derivatives."""
    cells = channels * PATCH**2
    return torch.nn.ModuleDict({"encode": _net(cells, latent), "decode": _net(latent, cells), "perturb": _net(latent, latent)})


def perturbed(parts: nn.Module, x: Tensor, rho: Tensor | float) -> Tensor:
    """Changed pictures (n, c, h, w), x' = Dec(z + delta), z = E(x), ||delta|| = rho ||z|| for every picture."""
    nets = dict(parts.named_children())
    z = nets["encode"](torch.nn.functional.pixel_unshuffle(x - 0.5, PATCH))
    raw = nets["perturb"](z)
    lengths = [(v.square().sum((1, 2, 3), keepdim=True) + 1e-12).sqrt() for v in (z, raw)]
    code = z + rho * lengths[0] / lengths[1] * raw
    return torch.sigmoid(torch.nn.functional.pixel_shuffle(nets["decode"](code), PATCH))


@functools.lru_cache(maxsize=4)
def trained(public: Public, latent: int, error: float, weight: float, seed: int) -> nn.Module:
    """The parts, trained on public pictures; the same for the same arguments, whoever asks. About ten seconds for pictures of 32 x 32 on one core.

    Args:
        public: pictures and labels.
        latent: channels of the code.
        error: mean squared error that the surrogate attacker shall be kept at.
        weight: price of every bit that it does better, against the task's loss.
        seed: of weights and order.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(derive(seed, "perturbation"))
            return _train(public, latent, error, weight).eval().requires_grad_(False)
    finally:
        torch.set_num_threads(threads)


def _train(public: Public, latent: int, error: float, weight: float) -> nn.Module:
    """First the autoencoder alone; then one step of attacker and one of defender in turn, at a size that is drawn for every picture."""
    nn, F = torch.nn, torch.nn.functional
    c, h, w = public.pictures.shape[1:]
    parts, chunk = build(c, latent), min(64, max(4, 64 * 1024 // (h * w)))
    nets = dict(parts.named_children())
    attacker = _net(c * PATCH**2, c * PATCH**2)
    body, head = nn.Sequential(_net(c * PATCH**2, WIDTH), nn.SiLU()), nn.Linear(WIDTH, int(public.labels.max()) + 1)
    copying, attacking, defending = (
        torch.optim.Adam([p for part in group for p in part.parameters()], lr=RATE)
        for group in ((nets["encode"], nets["decode"]), (attacker,), (nets["perturb"], body, head))
    )

    def missed(shown: Tensor, x: Tensor) -> Tensor:
        return (torch.sigmoid(F.pixel_shuffle(attacker(F.pixel_unshuffle(shown - 0.5, PATCH)), PATCH)) - x).square().mean()

    for number in range(AUTOENCODER_STEPS + MINIMAX_STEPS):
        chosen = torch.randint(len(public.pictures), (chunk,))
        x, y = public.pictures[chosen], public.labels[chosen]
        if number < AUTOENCODER_STEPS:
            _step(copying, (perturbed(parts, x, 0.0) - x).square().mean())
            continue
        shown = perturbed(parts, x, STRONGEST * torch.rand(chunk, 1, 1, 1))
        _step(attacking, missed(shown.detach(), x))
        scores = head(body(F.pixel_unshuffle(shown - 0.5, PATCH)).mean((-2, -1)))
        _step(defending, F.cross_entropy(scores, y) + weight * (error - missed(shown, x)).clamp(min=0))
    return parts


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step of these parameters; others that took part in the loss keep no gradient of it."""
    params = [p for group in optimiser.param_groups for p in group["params"]]
    for p, grad in zip(params, torch.autograd.grad(loss, params), strict=True):
        p.grad = grad
    optimiser.step()
