"""What a server changed in the net that it sends, beside the honest one, as rows of weights that can be looked at."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.lazy import torch
from ..defenses.detectors import constant_rows, duplicate_rows, zeros
from .expected import by_its_notes

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Net
    from ..scenario import Scenario
    from .client import Client

ROWS, COLUMNS = 64, 96  # of a layer that are kept, evenly spread over those that there are


@dataclasses.dataclass(frozen=True, eq=False)
class Planted:
    """One layer of a planted net beside one of the honest net.

    Attributes:
        layer: name of the planted weight; empty where nothing was changed.
        beside: name of the honest weight: the one in its place, or, where a layer was put in that the honest net lacks, the honest net's first.
        own: whether the victim itself was sent it; False: other clients were.
        shape, beside_shape: (rows, columns) of both.
        rms, beside_rms: their root mean squares.
        rows, beside_rows: (ROWS, COLUMNS) in units of the layer's own root mean square; NaN where the layer has no more.
        alike: share of the planted rows that repeat another one up to a factor (|cosine| > 0.999); rows of zeros left out.
        constant: share of them whose entries are all one number and not zero.
        zeros: share of the planted entries that are zero. (Of a layer with fewer than 4 rows or columns the three are 0: it says nothing.)
        expected: share of the victim's batch that the server's notes expect to be read, before any message; None where it has no such note.
    """

    layer: str = ""
    beside: str = ""
    own: bool = True
    shape: tuple[int, int] = (0, 0)
    beside_shape: tuple[int, int] = (0, 0)
    rms: float = 0.0
    beside_rms: float = 0.0
    alike: float = 0.0
    constant: float = 0.0
    zeros: float = 0.0
    rows: np.ndarray = dataclasses.field(default_factory=lambda: np.full((ROWS, COLUMNS), np.nan, np.float32))
    beside_rows: np.ndarray = dataclasses.field(default_factory=lambda: np.full((ROWS, COLUMNS), np.nan, np.float32))
    expected: float | None = None

    def facts(self) -> dict[str, Any]:
        """All but the weights and what is expected, as plain numbers and words."""
        left = ("rows", "beside_rows", "expected")
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name not in left}


def planted(scenario: Scenario, client: Client) -> Planted:
    """The first weight that is none of the honest net's, in the victim's net or else in another client's.

    Args:
        scenario: that the client was met in.
        client: who was met by the server.
    """
    assert client.previous is not None
    honest, expected = client.previous, by_its_notes(scenario, client)
    for net in (client.net, *(other.net for other in client.others)):
        name = _changed(net, honest)
        if name:
            break
    else:
        return Planted(expected=expected)
    new = net.params[name]
    known = {key: p for key, p in honest.params.items() if p.dim() > 1}
    beside = name if name in known and known[name].shape == new.shape else next(iter(known))
    old = known[beside]
    sizes = (_shape(new), _shape(old), _rms(new), _rms(old))
    return Planted(name, beside, net is client.net, *sizes, *_odd(new), _rows(new), _rows(old), expected)


def _changed(net: Net, honest: Net) -> str:
    """Name of the first weight that is none of the honest net's; a bias where only biases are; empty where all are the same."""
    own = list(honest.params.values())
    new = [name for name, p in net.params.items() if not any(p.shape == q.shape and torch.equal(p, q) for q in own)]
    return next((name for name in new if net.params[name].dim() > 1), "")


def _shape(weight: Tensor) -> tuple[int, int]:
    return len(weight), weight[0].numel()


def _rms(weight: Tensor) -> float:
    return float(weight.double().square().mean().sqrt())


def _odd(weight: Tensor) -> tuple[float, float, float]:
    """Share of rows that repeat another, of constant ones, and of zeros, as the detector of weight structure measures them."""
    flat = weight.detach().flatten(1).double()
    return duplicate_rows(flat), constant_rows(flat), zeros(flat)


def _rows(weight: Tensor) -> np.ndarray:
    """Rows and columns, evenly spread, in units of the root mean square; an own place for NaN where there are fewer."""
    flat = weight.detach().flatten(1).double().cpu()
    flat = flat / max(_rms(weight), 1e-300)
    rows, columns = (torch.linspace(0, n - 1, min(n, most)).round().long() for n, most in zip(flat.shape, (ROWS, COLUMNS), strict=True))
    found = np.full((ROWS, COLUMNS), np.nan, np.float32)
    found[: len(rows), : len(columns)] = flat[rows][:, columns].numpy()
    return found
