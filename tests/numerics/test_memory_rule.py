"""What a step holds in memory is counted before anything is computed; what no machine has room for does not fit, in words."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from invviz.models import MODELS
from invviz.scenario import Scenario, problems, risk_problems
from invviz.scenario._memory import MOST, held

LARGE = "data=imagenet(size=256)&model=resnet18(width=128)&batch=64"


def kept(model, shape, batch: int) -> int:
    """Bytes that automatic differentiation keeps for the derivative of a gradient, counted tensor by tensor."""
    net, found, alive = model.build(shape, 10, 0).eval(), 0, {}
    x = torch.rand(batch, *shape, requires_grad=True)

    def pack(tensor):
        nonlocal found
        place = tensor.untyped_storage().data_ptr()
        if place not in alive:
            alive[place] = tensor
            found += tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = torch.nn.functional.cross_entropy(net(x), torch.zeros(batch, dtype=torch.long))
        torch.autograd.grad(loss, list(net.parameters()), create_graph=True)
    return found


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.takes("picture")])
def test_the_count_is_at_most_what_is_kept_and_not_far_below(name):
    model, shape = MODELS[name](), (3, 32, 32)
    assert not model.problems(shape)
    each = (kept(model, shape, 4) - kept(model, shape, 2)) / 2  # of a sample: the weights are in both
    counted = held(Scenario.parse(f"data=cifar10&model={name}&attack=dlg"))
    assert counted <= 1.01 * each <= 4 * counted


@pytest.mark.parametrize(
    ("text", "gigabytes"),
    [
        (f"{LARGE}&rounds=20&dtype=float64", 195),
        (f"{LARGE}&rounds=2", 10),
        (f"{LARGE}&dtype=float64", 10),
        (LARGE + "&protocol=hfl(local_steps=5)", 24),
    ],
)
def test_what_no_machine_has_room_for_is_refused(text, gigabytes):
    (words,) = [p for p in problems(Scenario.parse(text)) if "GB" in p]
    assert (
        f"holds about {gigabytes} GB in memory (resnet18, 64 x 256 x 256 pixels" in words
        and "at most 8 GB are taken. Lower the batch" in words
    )
    assert any("GB" in p for p in risk_problems(Scenario.parse(text)))


@pytest.mark.parametrize(
    "text",
    [
        LARGE,
        "data=imagenet(size=256)&model=resnet18(width=128)&batch=5&rounds=20",
        "data=imagenet(size=224)&model=resnet18&batch=32&rounds=2",
        "data=cifar10&model=resnet18&batch=64&rounds=20",
        "data=photos(size=64)&model=vit&batch=64&rounds=20",
        f"{LARGE}&protocol=vfl(parties=2,cut=2)&attack=rmle",
    ],
)
def test_the_largest_that_have_room_are_taken(text):
    scenario = Scenario.parse(text)
    assert MOST / 200 < held(scenario) <= MOST and not [p for p in problems(scenario) if "GB" in p]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space are Linux's")
def test_least_squares_of_a_wide_embedding_stays_below_three_gigabytes(tmp_path):
    text = "data=digits&model=mlp&protocol=vfl(parties=1,size=4096)&attack=least_squares(steps=2)&batch=8&rounds=2"
    code = (
        "import resource, torch, sys; from pathlib import Path; from invviz.engine.attack import Site, run; from invviz.scenario import Scenario\n"
        "resource.setrlimit(resource.RLIMIT_AS, (6 * 10**9,) * 2)\n"
        f"run(Scenario.parse({text!r}), Site(None, Path({str(tmp_path)!r}), 'cpu')); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-1000:]
    assert int(done.stdout.split()[-1]) < 3_000_000
