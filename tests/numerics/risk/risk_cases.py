"""Small cases in float64 and covariances written down independently of the package."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from invviz.core.types import Batch, Net
from invviz.models import MLP, LeNet
from invviz.protocols.hfl import HFL
from invviz.risk import Components, Jacobian, Prior
from invviz.risk import prior as prior_module

torch.set_num_threads(1)  # matrices are small, and tests run beside one another
KEPT = 5  # principal components of the dataset prior
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
        return make_prior(name, self.shape, len(self.batch.image))


def picture(shape, batch, seed=0):
    """Smooth waves with a little grain, in [0, 1]."""
    rng = np.random.default_rng(seed)
    c, h, w = shape
    y, x = np.mgrid[0:h, 0:w] / h
    phases = rng.uniform(0, 6, (batch, c, 1, 1))
    image = 0.5 + 0.3 * np.sin(5 * x + phases) * np.cos(3 * y - phases) + 0.1 * rng.standard_normal((batch, c, h, w))
    return torch.from_numpy(image.clip(0, 1))


def public_pictures(shape, count=300, seed=9):
    """Pictures whose principal variances fall by a known factor, shape (count, c, h, w); a few of them are above one grey level."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    directions = np.linalg.qr(rng.standard_normal((size, size)))[0]
    spread = 0.2 * 0.7 ** np.arange(size) + 0.01
    return (0.4 + 0.01 * np.arange(size) / size + (rng.standard_normal((count, size)) * spread) @ directions.T).reshape(count, *shape)


def principal(pictures, kept):
    """Mean and covariance of principal components, by a full SVD: what is left out has its mean variance, one grey level at least."""
    rows = pictures.reshape(len(pictures), -1)
    mean = rows.mean(0)
    _, values, directions = np.linalg.svd(rows - mean)
    variances = np.zeros(rows.shape[1])
    variances[: len(values)] = values**2 / (len(rows) - 1)
    variances[kept:] = variances[kept:].mean() if kept < len(variances) else 0
    return mean, directions.T @ np.diag(np.maximum(variances, 1 / 255**2)) @ directions


def make_prior(name, shape, batch=1):
    """A prior of this shape; the dataset prior keeps fewer components than there are."""
    if name != "dataset":
        return Prior(name, shape, batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prior_module, "COMPONENTS", KEPT)
        return Prior(name, shape, batch, Components.fit(public_pictures(shape)))


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
    if name == "dataset":
        return np.kron(np.eye(batch), principal(public_pictures(shape), KEPT)[1])
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


def noisy_posterior(dense, cov, sigma, variance):
    """Covariance of x given J (x + e) + eta with e ~ N(0, variance I), eta ~ N(0, sigma^2 I), by the law of normal vectors."""
    message = dense @ (cov + variance * np.eye(len(cov))) @ dense.T + sigma**2 * np.eye(len(dense))
    return cov - cov @ dense.T @ np.linalg.solve(message, dense @ cov)


def message_of(jacobian):
    """The message as one vector."""
    return torch.cat([leaf.flatten() for leaf in jacobian.message.values()]).numpy()
