"""The exact spectrum against the plain way, autograd.functional.jacobian and svdvals: python benchmarks/spectrum.py [--threads 1]."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from _timing import timed

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SLICE = 256  # message rows that the plain way computes, spread evenly; its time is scaled to all p rows


def victim(num_classes: int) -> tuple[Any, Any]:
    """LeNet at 32x32x3 and the astronaut."""
    import numpy as np
    import skimage.data
    import torch
    from PIL import Image

    from invviz.core.types import Batch, Net
    from invviz.models import LeNet

    face = Image.fromarray(skimage.data.astronaut()[0:256, 100:356]).resize((32, 32), Image.Resampling.LANCZOS)
    image = torch.from_numpy(np.asarray(face, dtype=np.float32) / 255).permute(2, 0, 1)[None].contiguous()
    return Net.of(LeNet().build((3, 32, 32), num_classes, 0)), Batch.of(image, torch.tensor([3]))


def ours(net: Any, batch: Any, repeats: int) -> tuple[dict[str, float], Any, Any, float]:
    """Seconds per phase, J (for the plain way), the singular values, and the level that they resolve."""
    import torch

    from invviz.protocols.hfl import HFL
    from invviz.risk import Jacobian

    jacobian = Jacobian.of(HFL().release, net, batch)
    seconds = {}
    seconds["gram"], gram = timed(lambda: Jacobian.of(HFL().release, net, batch).gram(), repeats)  # with all that it checks on the way
    seconds["quick gram"], rough = timed(lambda: Jacobian.of(HFL().release, net, batch, precise=False).gram(), repeats)
    seconds["jvp"], dense = timed(jacobian.dense, repeats)
    seconds["values"], values = timed(lambda: torch.linalg.eigvalsh(gram), repeats)
    seconds["vectors"], _ = timed(lambda: torch.linalg.eigh(gram), repeats)
    seconds["quick values"], _ = timed(lambda: torch.linalg.eigvalsh(rough), repeats)
    values = values.flip(0).clamp(min=0).sqrt()
    return seconds, dense, values, jacobian.resolved(float(values[0]))


def plain(net: Any, batch: Any, dense: Any, repeats: int) -> tuple[dict[str, float], Any, Any]:
    """Seconds of the plain way, scaled to all rows; how far its rows are from ours; its singular values."""
    import torch

    layers = net.module.requires_grad_(True)
    p = dense.shape[0]
    chosen = torch.linspace(0, p - 1, SLICE).long()

    def some_rows(x: Any) -> Any:
        grads = torch.autograd.grad(torch.nn.functional.cross_entropy(layers(x), batch.label), list(layers.parameters()), create_graph=True)
        return torch.cat([g.flatten() for g in grads])[chosen]

    seconds = {}
    rows_time, rows = timed(lambda: torch.autograd.functional.jacobian(some_rows, batch.image), repeats)
    seconds["jacobian"] = rows_time * p / SLICE
    layers.requires_grad_(False)
    seconds["svdvals"], values = timed(lambda: torch.linalg.svdvals(dense))
    return seconds, float((rows.flatten(1) - dense[chosen]).abs().max() / rows.abs().max()), values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=0, help="PyTorch threads; 0 leaves its choice")
    parser.add_argument("--classes", type=int, default=10, help="classes of the net: 10 or 100")
    parser.add_argument("--repeats", type=int, default=3, help="the least time of so many counts")
    args = parser.parse_args()
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    net, batch = victim(args.classes)
    mine, dense, values, level = ours(net, batch, args.repeats)
    theirs, error, exact = plain(net, batch, dense, args.repeats)
    p, n = dense.shape
    print(f"LeNet, p = {p:,}, n = {n:,}; torch {torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores")
    print(f"load {os.getloadavg()[0]:.1f}; least of {args.repeats} runs (svdvals: one)")
    apart = float((exact - values).abs().max() / exact[0])
    print(f"rows of J agree to {error:.0e} of the largest entry, singular values to {apart:.0e} of s_1")
    print(f"s_1 = {values[0]:.4g}, s_n = {values[-1]:.4g}, resolved down to {level:.1e}")
    table(mine, theirs)


def table(mine: dict[str, float], theirs: dict[str, float]) -> None:
    """Print both ways, the ratio and the shares."""
    baseline = theirs["jacobian"] + theirs["svdvals"]
    print(f"{'way':<34}{'jvp':>10}{'vjp':>8}{'eigen':>8}{'total':>9}{'ratio':>8}")
    print(f"{'autograd jacobian + svdvals':<34}{'':>10}{theirs['jacobian']:>7.1f}s{theirs['svdvals']:>7.1f}s{baseline:>8.1f}s{1:>7.1f}x")
    ways = {
        "invviz, all values": ("gram", "values"),
        "invviz, values and vectors": ("gram", "vectors"),
        "invviz, values, precise=False": ("quick gram", "quick values"),
    }
    for label, (gram, eigen) in ways.items():
        parts = [mine["jvp"], max(0.0, mine[gram] - mine["jvp"]), mine[eigen]]
        total = mine[gram] + mine[eigen]
        print(f"{label:<34}{parts[0]:>9.2f}s{parts[1]:>7.2f}s{parts[2]:>7.2f}s{total:>8.2f}s{baseline / total:>7.1f}x")
        print(f"{'  share':<34}" + f"{parts[0] / total:>10.0%}{parts[1] / total:>8.0%}{parts[2] / total:>8.0%}")


if __name__ == "__main__":
    main()
