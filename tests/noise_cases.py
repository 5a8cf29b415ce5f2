"""A spectrum over eight decades with directions that are not seen at all, and the places of a slider, for the tests of what the browser draws."""

from __future__ import annotations

import json

import numpy as np

from invviz.core.types import Size
from invviz.risk import Decomposition, ideal
from invviz.risk.prior import TAU
from invviz.ui.components.table import Shown, Stops
from invviz.ui.views import RiskView

SIGMAS = tuple(float(s) for s in np.geomspace(1e-4, 10, 51))
STOPS = Stops(SIGMAS, SIGMAS)


def view(shape=(1, 3, 8, 8), seed=0, levels=()):
    rng, n = np.random.default_rng(seed), int(np.prod(shape))
    k = n - 5
    values = np.concatenate([np.geomspace(30, 1e-6, k - 3), np.zeros(3)])
    directions = np.linalg.qr(rng.standard_normal((n, n)))[0][:, :k]
    spread = TAU * rng.uniform(0.3, 2, k)  # as of a prior that is not white
    truth = rng.uniform(-0.1, 1.1, n).clip(0, 1)
    coefficients = directions.T @ (truth - 0.5) / spread
    d = Decomposition(
        singular_values=values, gains=(spread * values) ** 2, basis=(directions * spread).astype(np.float32), weights=spread**2, coefficients=coefficients,
        tails=np.zeros(k + 1), mean=np.full(n, 0.5), variances=np.full(n, TAU**2), shape=shape, message_norm=1.0, num_message=4 * n, prior="natural",
        resolved=0.0, rest=0.4,
    )  # fmt: skip
    order = np.argsort(-d.gains)
    for name in ("gains", "weights", "coefficients", "singular_values"):
        object.__setattr__(d, name, getattr(d, name)[order])
    object.__setattr__(d, "basis", np.ascontiguousarray(d.basis[:, order]))
    return RiskView(d, Size(1.0, 4 * n, 1.0), truth.reshape(shape).astype(np.float32), lambda sigma: ideal(d, sigma), levels=tuple(levels))


SHOWN = Shown("ideal", lambda picture, sigma: (f"{picture.mean():.3f}", " · said"))


def unpacked(data):
    """Facts and arrays, read without the code that wrote them."""
    length = int.from_bytes(data[:4], "little")
    facts = json.loads(data[4 : 4 + length])
    arrays = {
        one["name"]: np.frombuffer(data, np.dtype(one["kind"]).newbyteorder("<"), one["count"], 4 + length + one["start"])
        for one in facts["arrays"]
    }
    assert 4 + length + sum(a.nbytes for a in arrays.values()) == len(data)
    return facts, arrays
