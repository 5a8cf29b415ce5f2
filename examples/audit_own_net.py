"""Audit a net of your own on data of your own: what one update gives away, and what it takes to hide it. Run: python examples/audit_own_net.py [FOLDER]."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

import invviz


class Readmission(torch.nn.Module):
    """Your net: twelve measurements of a patient in, the risk of readmission out."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(12, 32), torch.nn.SiLU(), torch.nn.Linear(32, 32), torch.nn.SiLU())
        self.head = torch.nn.Linear(32, 1)

    def forward(self, measurements: torch.Tensor) -> torch.Tensor:
        """Log-odds, shape (b,)."""
        return self.head(self.body(measurements)).squeeze(-1)


def main(folder: Path) -> invviz.Audit:
    """Audit without a defense, then behind the least noise that hides the records; write both reports."""
    torch.manual_seed(0)
    net = Readmission()  # load your weights here
    measurements = torch.randn(4, 12)  # the records of one local batch
    readmitted = torch.tensor([0.0, 1.0, 0.0, 1.0])
    settings = {"loss": torch.nn.functional.binary_cross_entropy_with_logits, "bounds": (-4.0, 4.0), "seconds": 20}

    bare = invviz.audit(net, {"measurements": measurements}, readmitted, **settings)
    print(bare, end="\n\n")
    print(bare.rows().to_string(index=False), end="\n\n")
    bare.report(folder / "audit.html")

    noise = bare.least_noise.defense if bare.least_noise else ""
    behind = invviz.audit(net, {"measurements": measurements}, readmitted, defense=noise, **settings)
    print(behind)
    behind.report(folder / "audit_behind_noise.html")
    return behind


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
