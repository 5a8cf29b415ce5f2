"""The closed form of fully connected layers against dense Jacobians, and the nets for which it does not hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from risk_cases import make_case, picture
from torch import nn

from invviz.core.types import Batch, Net
from invviz.models import MLP
from invviz.protocols.hfl import HFL
from invviz.risk import Jacobian, linear_layers
from invviz.risk.linear_layers import linear_gram

CLOSE = {"rtol": 1e-8, "atol": 1e-12}


def case_of(module, shape=(1, 4, 4), batch=1):
    """(net, batch, dense Jacobian of the gradient) of any module, in float64, with weights from a seed."""
    torch.manual_seed(2)
    for p in module.parameters():
        nn.init.normal_(p, std=0.4)
    net = Net.of(module.double())
    data = Batch.of(picture(shape, batch), torch.arange(batch) % 3)
    return net, data, Jacobian.of(HFL().release, net, data).dense().numpy()


def rows_of(net, names):
    """Which entries of the message belong to these parameters."""
    return np.concatenate([np.full(p.numel(), name in names) for name, p in net.params.items()])


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_is_the_gram_matrix_of_the_layers_entries(batch, bias, monkeypatch):
    monkeypatch.setattr(linear_layers, "AT_ONCE", 5)  # does not divide n
    layers = [nn.Flatten(), nn.Linear(16, 7, bias), nn.Tanh(), nn.Linear(7, 5, bias), nn.Tanh(), nn.Linear(5, 3, bias)]
    net, data, dense = case_of(nn.Sequential(*layers), batch=batch)
    names, gram = linear_gram(net, data, 0.9)
    assert names == set(net.params)
    np.testing.assert_allclose(gram.numpy(), dense.T @ dense, **CLOSE)


def test_leaves_other_layers_out():
    layers = [nn.Conv2d(1, 2, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(32, 6), nn.Tanh(), nn.Linear(6, 3)]
    net, data, dense = case_of(nn.Sequential(*layers), batch=2)
    names, gram = linear_gram(net, data, 0.5)
    assert names == {"3.weight", "3.bias", "5.weight", "5.bias"}
    own = dense[rows_of(net, names)]
    np.testing.assert_allclose(gram.numpy(), own.T @ own, **CLOSE)
    assert linear_gram(net, data, 0.95)[1] is None, "a twentieth of the message lies elsewhere"


@pytest.mark.parametrize("batch", [1, 3])
def test_the_gram_matrix_of_an_mlp_is_the_same_either_way(batch):
    case = make_case(MLP(width=6, act="tanh"), (1, 6, 6), batch)
    closed = Jacobian.of(case.release, case.net, case.batch, is_gradient=True)
    np.testing.assert_allclose(closed.gram().numpy(), case.jacobian.gram().numpy(), **CLOSE)
    np.testing.assert_allclose(closed.gram().numpy(), case.dense.T @ case.dense, **CLOSE)


def test_convolutions_are_added_by_products(monkeypatch):
    monkeypatch.setattr("invviz.risk.jacobian.CLOSED_FORM", 0.1)
    layers = [nn.Conv2d(1, 3, 3, padding=1), nn.Sigmoid(), nn.Flatten(), nn.Linear(48, 4)]
    net, data, dense = case_of(nn.Sequential(*layers), batch=2)
    used = []
    monkeypatch.setattr("invviz.risk.jacobian.linear_gram", lambda *args: used.append(linear_gram(*args)) or used[-1])
    found = Jacobian.of(HFL().release, net, data, is_gradient=True).gram().numpy()
    assert used[0][1] is not None
    np.testing.assert_allclose(found, dense.T @ dense, **CLOSE)


def test_single_precision_is_made_in_double():
    case = make_case(MLP(width=6, act="tanh"), (1, 6, 6), 1)
    net = Net.of(MLP(width=6, act="tanh").build((1, 6, 6), 4, 3))
    gram = Jacobian.of(HFL().release, net, Batch.of(case.batch.image.float(), case.batch.label), is_gradient=True).gram()
    assert gram.dtype == torch.float64
    np.testing.assert_allclose(gram.numpy(), case.dense.T @ case.dense, rtol=1e-3, atol=1e-6 * float(gram.max()))


class Twice(nn.Module):
    """One layer, used two times."""

    def __init__(self):
        super().__init__()
        self.first, self.again, self.last = nn.Linear(16, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.last(self.again(self.again(self.first(x.flatten(1)).tanh()).tanh()).tanh())


class Strips(nn.Module):
    """A layer that is applied to every row of the picture."""

    def __init__(self):
        super().__init__()
        self.strip, self.last = nn.Linear(4, 5), nn.Linear(20, 3)

    def forward(self, x):
        return self.last(self.strip(x[:, 0]).tanh().flatten(1))


class Idle(nn.Module):
    """A layer that plays no part."""

    def __init__(self):
        super().__init__()
        self.idle, self.last = nn.Linear(4, 5), nn.Linear(16, 3)

    def forward(self, x):
        return self.last(x.flatten(1).sin())


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.last = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 3)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.last(self.two(self.one(x.flatten(1)).tanh()).tanh())


class Bare(nn.Linear):
    """A net that is a layer itself."""

    def forward(self, x):
        return super().forward(x.flatten(1).sin())


@pytest.mark.parametrize("module", [Twice, Strips, Idle, Tied, lambda: Bare(16, 3)])
@pytest.mark.parametrize("batch", [1, 2, 4])  # four: as many as rows, so that shapes fit by accident
def test_nets_without_a_closed_form_go_the_usual_way(module, batch):
    net, data, dense = case_of(module(), batch=batch)
    assert linear_gram(net, data, 0.9)[1] is None
    found = Jacobian.of(HFL().release, net, data, is_gradient=True).gram().numpy()
    np.testing.assert_allclose(found, dense.T @ dense, **CLOSE)


def test_a_layer_that_cannot_be_pushed_through_for_want_of_memory_is_said(monkeypatch):
    from invviz.core.errors import RiskError

    def full(*args):
        raise MemoryError

    monkeypatch.setattr("invviz.risk.jacobian.linear_gram", full)
    case = make_case(MLP(width=3), (1, 4, 4), 1)
    with pytest.raises(RiskError, match="method=sketch"):
        Jacobian.of(case.release, case.net, case.batch, is_gradient=True).gram()
