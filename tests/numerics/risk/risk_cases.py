"""Small cases in float64 and covariances written down independently of the package."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from invviz.core.types import Batch, Net
from invviz.models import MLP, LeNet
from invviz.protocols.hfl import HFL
from invviz.risk import Jacobian, Prior

torch.set_num_threads(1)  # matrices are small, and tests run beside one another
CASES = {
    "mlp_1": (MLP(width=6, act="tanh"), (1, 8, 8), 1),
    "lenet_1": (LeNet(width=2), (1, 8, 8), 1),
    "lenet_3": (LeNet(width=2), (3, 8, 8), 1),
    "lenet_batch": (LeNet(width=2), (1, 8, 8), 2),
}


@dataclasses.dataclass
class Case:
    """A net, a batch, their release and its dense Jacobian."""

    net: Net
    batch: Batch
    release: object
    jacobian: Jacobian
    dense: np.ndarray

    @property
    def shape(self):
        """Channels, height, width."""
        return tuple(self.batch.image.shape[1:])

    def prior(self, name):
        """A prior of this batch's shape."""
        return Prior(name, self.shape, len(self.batch.image))


def picture(shape, batch, seed=0):
    """Smooth waves with a little grain, in [0, 1]."""
    rng = np.random.default_rng(seed)
    c, h, w = shape
    y, x = np.mgrid[0:h, 0:w] / h
    phases = rng.uniform(0, 6, (batch, c, 1, 1))
    image = 0.5 + 0.3 * np.sin(5 * x + phases) * np.cos(3 * y - phases) + 0.1 * rng.standard_normal((batch, c, h, w))
    return torch.from_numpy(image.clip(0, 1))


def make_case(model, shape, batch, release=None):
    """Build a case in float64."""
    net = Net.of(model.build(shape, 4, 3).double())
    data = Batch.of(picture(shape, batch), torch.arange(batch) % 4)
    release = release or HFL().release
    jacobian = Jacobian.of(release, net, data)
    return Case(net, data, release, jacobian, jacobian.dense().numpy())


def linear_case(rows=10, shape=(1, 4, 4), seed=1):
    """The release z = A x with fewer numbers than the picture, so that some directions are lost for good."""
    a = torch.from_numpy(np.random.default_rng(seed).standard_normal((rows, int(np.prod(shape)))))
    data = Batch.of(picture(shape, 1), torch.tensor([0]))

    def release(net, batch, rng):
        return {"z": a @ batch.image.flatten()}

    return Case(None, data, release, Jacobian.of(release, None, data), a.numpy())


def covariance(name, shape, batch=1):
    """C from its definition: explicit cosine vectors and Kronecker products, tau = 0.25, channel correlation 0.9."""
    c, h, w = shape
    if name == "white":
        return 0.25**2 * np.eye(batch * c * h * w)
    power = np.array([[1 / (1 + k * k + m * m) for m in range(w)] for k in range(h)])
    waves = np.kron(_cosines(h), _cosines(w))  # rows: frequency (k, l); columns: pixel
    plane = waves.T @ np.diag(power.ravel() / power.mean() * 0.25**2) @ waves
    channels = np.array([[1.0 if i == j else 0.9 for j in range(c)] for i in range(c)])
    return np.kron(np.eye(batch), np.kron(channels, plane))


def _cosines(size):
    rows = np.array([[np.cos(np.pi * k * (2 * i + 1) / (2 * size)) for i in range(size)] for k in range(size)])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def posterior(dense, cov, sigma):
    """(C^-1 + J^T J / sigma^2)^-1."""
    return np.linalg.inv(np.linalg.inv(cov) + dense.T @ dense / sigma**2)


def root_of(cov):
    """Symmetric square root by eigenvalues."""
    values, vectors = np.linalg.eigh(cov)
    return (vectors * np.sqrt(values)) @ vectors.T
