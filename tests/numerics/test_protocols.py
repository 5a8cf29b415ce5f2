"""The release against gradients taken by plain autograd."""

from __future__ import annotations

import pytest
import torch

from invviz.core.rng import stream
from invviz.core.types import Batch, Net
from invviz.models import MODELS
from invviz.protocols import HFL

IMAGE = torch.rand(3, 3, 16, 16, dtype=torch.float64, generator=stream(0, "image"))
LABEL = torch.tensor([1, 0, 4])


def plain_gradient(module, image, label):
    parameters = list(module.parameters())
    for p in parameters:
        p.requires_grad_(True)
    found = torch.autograd.grad(torch.nn.functional.cross_entropy(module(image), label), parameters)
    for p in parameters:
        p.requires_grad_(False)
    return found


@pytest.mark.parametrize("name", [n for n, model in MODELS.items() if n != "resnet18" and model.takes("picture")])
def test_one_step_is_the_gradient(name):
    module = MODELS[name]().build((3, 16, 16), 5, 7).double()
    message = HFL().release(Net.of(module), Batch.of(IMAGE, LABEL), None)
    expected = plain_gradient(module, IMAGE, LABEL)
    assert list(message) == [k for k, _ in module.named_parameters()]
    for ours, theirs in zip(message.values(), expected, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-14)


def test_local_steps_are_plain_gradient_descent():
    module = MODELS["lenet"](width=3).build((3, 16, 16), 5, 7).double()
    net = Net.of(module)
    start = {k: p.clone() for k, p in net.params.items()}
    message = HFL(local_steps=4, lr=0.05).release(net, Batch.of(IMAGE, LABEL), None)
    optimiser = torch.optim.SGD(module.requires_grad_(True).parameters(), lr=0.05)
    for _ in range(4):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(IMAGE), LABEL).backward()
        optimiser.step()
    for name, p in module.named_parameters():
        assert torch.allclose(message[name], start[name] - p.detach(), rtol=1e-9, atol=1e-13)


def test_one_local_step_of_the_update_form_is_lr_times_the_gradient():
    net = Net.of(MODELS["mlp"](width=8).build((3, 16, 16), 5, 7).double())
    batch = Batch.of(IMAGE, LABEL)
    gradient, update = HFL().release(net, batch, None), HFL(local_steps=2, lr=1e-6).release(net, batch, None)
    for name in gradient:
        assert torch.allclose(update[name], 2e-6 * gradient[name], rtol=1e-3, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 3])
def test_differentiable_in_the_batch(steps):
    net = Net.of(MODELS["lenet"](width=2).build((3, 8, 8), 5, 7).double())
    image = IMAGE[:1, :, :8, :8].clone().requires_grad_()
    protocol = HFL(local_steps=steps, lr=0.1)

    def energy(x):
        return sum((leaf**2).sum() for leaf in protocol.release(net, Batch.of(x, LABEL[:1]), None).values())

    assert torch.autograd.gradcheck(energy, (image,), eps=1e-6, atol=1e-6)


def test_probabilities_serve_as_labels():
    net = Net.of(MODELS["mlp"](width=8).build((3, 16, 16), 5, 7).double())
    sharp = torch.nn.functional.one_hot(LABEL, 5).double()
    a, b = (HFL().release(net, Batch.of(IMAGE, y), None) for y in (LABEL, sharp))
    assert all(torch.allclose(a[k], b[k]) for k in a)
