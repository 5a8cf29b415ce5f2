"""One matching step: the gradient and its derivatives in every way that they are taken, against autograd, torch.func and torch.optim."""

from __future__ import annotations

import pytest
import torch

from invviz.attacks._descent import SignDescent
from invviz.attacks._matching import cosine_distance, cosine_slope
from invviz.attacks._priors import total_variation, total_variation_slope
from invviz.core import _difference
from invviz.core.gradient import finite_differences, gradient
from invviz.core.tree import flatten, map_tree, norm
from invviz.core.types import Batch, Net
from invviz.protocols.hfl import HFL

nn = torch.nn


def net_of(*layers):
    torch.manual_seed(0)
    return Net.of(nn.Sequential(*layers).double())


SMOOTH = net_of(nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 16, 5))
KINKED = net_of(
    nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(6, 5)
)


def batch(count=2, grad=False):
    torch.manual_seed(1)
    return Batch.of(torch.rand(count, 2, 6, 6, dtype=torch.float64).requires_grad_(grad), torch.tensor([1, 3, 0, 2][:count]))


@pytest.mark.parametrize("net", [SMOOTH, KINKED])
def test_equals_torch_func(net):
    given = batch()
    ours, theirs = gradient(net, net.params, given), torch.func.grad(net.loss)(dict(net.params), given)
    assert all(torch.equal(ours[k], theirs[k]) and not ours[k].requires_grad for k in theirs)
    with torch.no_grad():
        assert torch.equal(flatten(gradient(net, net.params, batch(grad=True))), flatten(theirs))


@pytest.mark.parametrize("net", [SMOOTH, KINKED])
@pytest.mark.parametrize("steps", [1, 3])
def test_second_derivatives_equal_those_of_torch_func(net, steps):
    def by_func(image):
        params = dict(net.params)
        for _ in range(steps):
            found = torch.func.grad(net.loss)(params, Batch.of(image, given.label))
            params = {k: params[k] - 0.1 * found[k] for k in params}
        change = {k: net.params[k] - params[k] for k in params} if steps > 1 else found
        return (flatten(change) * weights).sum()

    given = batch(grad=True)
    weights = torch.randn(net.num_params, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    ours = (flatten(HFL(local_steps=steps, lr=0.1).release(net, given, None)) * weights).sum()
    (slope,) = torch.autograd.grad(ours, given.image)
    assert torch.allclose(slope, torch.func.grad(by_func)(given.image.detach()), rtol=1e-10, atol=1e-14)


def test_inside_of_transforms():
    def message(image):
        return flatten(gradient(SMOOTH, SMOOTH.params, Batch.of(image[None], given.label[:1])))

    given = batch(3)
    each = torch.stack([message(image) for image in given.image])
    assert torch.allclose(torch.func.vmap(message)(given.image), each)
    tangent = torch.rand_like(given.image[0])
    value, along = torch.func.jvp(message, (given.image[0],), (tangent,))
    ahead, behind = message(given.image[0] + 1e-5 * tangent), message(given.image[0] - 1e-5 * tangent)
    assert torch.allclose(value, each[0]) and torch.allclose(along, (ahead - behind) / 2e-5, atol=1e-8)


def test_forward_mode():
    """`torch.autograd.functional` has a vmap of its own, of which torch.func knows nothing."""

    def message(image):
        return flatten(gradient(SMOOTH, SMOOTH.params, Batch.of(image[None], given.label[:1])))

    given = batch(1)
    image = given.image[0]
    forward = torch.autograd.functional.jacobian(message, image, strategy="forward-mode", vectorize=True)
    backward = torch.autograd.functional.jacobian(message, image)
    assert torch.allclose(backward, torch.func.jacrev(message)(image), atol=1e-12)
    assert torch.allclose(forward, backward, atol=1e-12)
    with torch.autograd.forward_ad.dual_level():
        moved = {k: torch.autograd.forward_ad.make_dual(p, torch.ones_like(p)) for k, p in SMOOTH.params.items()}
        along = torch.autograd.forward_ad.unpack_dual(flatten(gradient(SMOOTH, moved, given))).tangent
    steps = [{k: p + side * 1e-5 for k, p in SMOOTH.params.items()} for side in (1, -1)]
    ahead, behind = (flatten(gradient(SMOOTH, at, given)) for at in steps)
    assert torch.allclose(along, (ahead - behind) / 2e-5, atol=1e-7), "by the parameters, too"


def test_a_parameter_that_plays_no_part_has_no_gradient():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(72, 5), nn.Linear(3, 2)

        def forward(self, x):
            return self.used(x.flatten(1))

    net = Net.of(Idle().double())
    assert not gradient(net, net.params, batch(grad=True))["idle.weight"].any()


@pytest.mark.parametrize("net", [SMOOTH, KINKED])
def test_finite_differences_of_first_derivatives(net):
    def slope(step):
        given = batch(grad=True)
        with finite_differences(step):
            found = gradient(net, net.params, given)
        return torch.autograd.grad(cosine_distance(found, target), given.image)[0]

    target = gradient(net, net.params, Batch.of(batch().image.flip(0), batch().label))
    exact, size = slope(0.0), float(norm(net.params))
    errors = [float((slope(share * size) - exact).norm() / exact.norm()) for share in (1e-3, 1e-4)]
    assert errors[1] < 1e-3
    assert errors[1] == pytest.approx(errors[0] / 10, rel=0.3), "of first order in the step"


def test_a_difference_over_kinks_says_something_else(monkeypatch):
    def slope(step):
        given = batch(grad=True)
        with finite_differences(step):
            found = gradient(net, net.params, given)
        return torch.autograd.grad(cosine_distance(found, target), given.image)[0]

    def cosine(a, b):
        return float((a * b).sum() / a.norm() / b.norm())

    torch.manual_seed(3)
    blocks = [layer for place in range(4) for layer in (nn.Conv2d(8 if place else 2, 8, 3, padding=1), nn.ReLU())]
    net = net_of(*blocks, nn.Flatten(), nn.Linear(288, 5))
    target = gradient(net, net.params, Batch.of(batch().image.flip(0), batch().label))
    exact, step = slope(0.0), 0.003 * float(norm(net.params))
    assert cosine(slope(step), exact) > 0.999
    monkeypatch.setattr(_difference, "_on", lambda module, given, side: None)  # a hook that answers None changes nothing
    assert cosine(slope(step), exact) < 0.99


def test_what_stands_still_has_no_slope():
    given = batch(grad=True)
    with finite_differences(0.1):
        found = gradient(SMOOTH, SMOOTH.params, given)
    zero = map_tree(torch.zeros_like, SMOOTH.params)
    (slope,) = torch.autograd.grad(list(found.values()), given.image, list(zero.values()))
    assert not slope.any()


def test_slopes_that_are_written_out_equal_those_of_autograd():
    target = gradient(SMOOTH, SMOOTH.params, batch())
    message = map_tree(lambda leaf: (leaf + torch.rand_like(leaf)).requires_grad_(), target)
    distance, slopes = cosine_slope(target)(message)
    expected = cosine_distance(message, target)
    assert torch.allclose(distance, expected)
    for ours, theirs in zip(slopes.values(), torch.autograd.grad(expected, list(message.values())), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-14)
    for shape in ((2, 3, 4, 5), (1, 1, 1, 6), (1, 2, 2, 1)):
        image = torch.rand(shape, dtype=torch.float64, requires_grad=True)
        (expected,) = torch.autograd.grad(total_variation(image), image)
        assert torch.allclose(total_variation_slope(image.detach()), expected, atol=1e-15)


def test_sign_descent_is_adam_with_a_schedule():
    torch.manual_seed(0)
    ours = torch.rand(1, 2, 4, 4, dtype=torch.float64)
    theirs = ours.clone().requires_grad_()
    descent, adam = SignDescent(ours, 0.1, 40, (0.0, 1.0)), torch.optim.Adam([theirs], lr=0.1)
    schedule = torch.optim.lr_scheduler.MultiStepLR(adam, [15, 25, 35], gamma=0.1)
    for _ in range(40):
        slope = torch.randn_like(ours)
        theirs.grad = slope.sign()
        adam.step()
        schedule.step()
        with torch.no_grad():
            theirs.clamp_(0, 1)
        descent.step(slope.clone())
        assert torch.allclose(ours, theirs.detach(), rtol=0, atol=1e-15)
