"""Audits of nets that invviz does not ship, with time and memory: python benchmarks/audit.py a|b|c|d|resnet50|vit [FOLDER]; the report goes there. `a` reads CIFAR-10 in INVVIZ_DATA; WITHIN=480 gives more time, DEFENSE a defense of the large nets."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path

import torch
from torch import nn

import invviz
from invviz.core.torchvision import load_torchvision
from invviz.datasets import DATASETS

WITHIN = float(os.environ.get("WITHIN", "240"))  # seconds of the clock


class Small(nn.Module):
    """A user's CNN with dropout and group norm for grey pictures of 20x28."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1),
            nn.GroupNorm(4, 16),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Conv2d(16, 32, 3, 2, 1),
            nn.GroupNorm(4, 32),
            nn.GELU(),
        )
        self.head = nn.Linear(32 * 5 * 7, 4)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Class scores, (b, 4)."""
        return self.head(self.body(pictures).flatten(1))


class Two(nn.Module):
    """Measurements of a patient and a small picture of theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Sequential(nn.Linear(10, 32), nn.SiLU())
        self.picture = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.SiLU(), nn.Flatten())
        self.head = nn.Linear(32 + 8 * 8 * 8, 1)

    def forward(self, measurements: torch.Tensor, scan: torch.Tensor) -> torch.Tensor:
        """Log-odds, (b,)."""
        return self.head(torch.cat([self.table(measurements), self.picture(scan)], 1)).squeeze(1)


def a() -> invviz.Audit:
    samples = DATASETS["cifar10"]().load(Path(os.environ["INVVIZ_DATA"]))
    pictures, labels = samples.public.take(list(range(8)))[:2]
    net = load_torchvision().models.resnet18(num_classes=10).eval()
    return invviz.audit(net, torch.as_tensor(pictures), torch.as_tensor(labels), within=WITHIN, progress=tell)


def b() -> invviz.Audit:
    return invviz.audit(Small(), torch.rand(4, 1, 20, 28), torch.tensor([0, 3, 1, 1]), progress=tell)


def c() -> invviz.Audit:
    net = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0))
    return invviz.audit(net, torch.randn(16, 12), torch.randn(16), nn.functional.mse_loss, bounds=(-4, 4), progress=tell)


def d() -> invviz.Audit:
    batch = {"measurements": torch.randn(3, 10), "scan": torch.rand(3, 1, 16, 16)}
    loss = nn.functional.binary_cross_entropy_with_logits
    return invviz.audit(Two(), batch, torch.tensor([0.0, 1.0, 1.0]), loss, bounds={"measurements": (-4, 4), "scan": (0, 1)}, progress=tell)


def large(name: str) -> invviz.Audit:
    net = getattr(load_torchvision().models, name)()
    return invviz.risk(
        net, torch.rand(1, 3, 224, 224), torch.tensor([7]), defense=os.environ.get("DEFENSE", ""), within=WITHIN, progress=tell
    )


def tell(event: object) -> bool:
    print(f"{time.process_time():8.0f} s CPU  {event.phase} {event.done}/{event.total}", file=sys.stderr, flush=True)  # type: ignore[attr-defined]
    return True


def main(which: str, folder: Path) -> None:
    torch.manual_seed(0)
    cases = {"a": a, "b": b, "c": c, "d": d, "resnet50": lambda: large("resnet50"), "vit": lambda: large("vit_b_16")}
    wall, cpu = time.monotonic(), time.process_time()
    found = cases[which]()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    folder.mkdir(parents=True, exist_ok=True)
    found.report(folder / f"{which}.html")
    found.report(folder / f"{which}.json")
    print(found)
    for one in found.attacks:
        print(f"  {one.attack}: {one.mean:.1f} dB, {one.seconds:.1f} s, {one.error or one.note}")
    risk = found.risk or {}
    print(f"{which}: InvRE {risk.get('invre_interval')}, {risk.get('products')} products, {risk.get('why')}")
    print(f"{wall:.0f} s, {cpu:.0f} s CPU, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB at most")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else "."))
