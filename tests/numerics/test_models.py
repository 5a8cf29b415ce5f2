"""Architectures: sizes by hand, seeds, and what inversion needs of them."""

from __future__ import annotations

import pytest
import torch

from invviz.core.component import parse_component
from invviz.core.torchvision import load_torchvision
from invviz.models import MODELS

SHAPE, CLASSES = (3, 32, 32), 10
OF_PICTURES = [name for name, model in MODELS.items() if model.takes("picture")]  # those of sentences: test_text.py


def num_parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_lenet_by_hand():
    net = MODELS["lenet"]().build(SHAPE, CLASSES, 7)
    convolutions = (3 * 25 + 1) * 12 + 2 * (12 * 25 + 1) * 12
    assert num_parameters(net) == convolutions + (12 * 8 * 8 + 1) * CLASSES
    assert all(p.abs().max() <= 0.5 for p in net.parameters())
    assert max(float(p.abs().max()) for p in net.parameters()) > 0.49


def test_convnet_by_hand():
    net = MODELS["convnet"]().build(SHAPE, CLASSES, 7)
    assert num_parameters(net) == (3 * 25 + 1) * 32 + (32 * 25 + 1) * 32 + (32 * 16 * 16 + 1) * CLASSES


def test_resnet18_is_torchvisions_where_nothing_is_changed():
    """At 224 pixels, with 1,000 classes and default knobs, every weight has torchvision's shape."""
    ours = MODELS["resnet18"]().build((3, 224, 224), 1000, 7)
    theirs = load_torchvision().models.resnet18(num_classes=1000)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}
    theirs.load_state_dict(ours.state_dict())
    image = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        assert torch.allclose(ours.eval()(image), theirs.eval()(image), atol=1e-5)


@pytest.mark.parametrize(
    "knobs", [{"width": 16}, {"norm": "group"}, {"norm": "none"}, {"act": "softplus"}, {"width": 8, "norm": "group", "act": "elu"}]
)
def test_resnet18_knobs(knobs):
    net = MODELS["resnet18"](**knobs).build(SHAPE, CLASSES, 7)
    assert net(torch.rand(2, *SHAPE)).shape == (2, CLASSES)
    kinds = {type(m).__name__ for m in net.modules()}
    assert ("BatchNorm2d" in kinds) == (knobs.get("norm", "batch") == "batch")
    if "width" in knobs:
        assert net.fc.in_features == 8 * knobs["width"]
    if knobs.get("act"):
        assert "ReLU" not in kinds


@pytest.mark.parametrize("name", OF_PICTURES)
def test_the_seed_decides_the_weights_and_the_global_generator_is_left_alone(name):
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    one, two, other = (MODELS[name]().build((3, 16, 16), 4, s).state_dict() for s in (7, 7, 8))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert any(not torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("name", OF_PICTURES)
@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 32, 32), (3, 64, 64)])
def test_shapes_and_no_layer_in_place(name, shape):
    net = MODELS[name]().build(shape, 6, 7).eval()
    assert net(torch.rand(2, *shape)).shape == (2, 6)
    assert not any(getattr(m, "inplace", False) for m in net.modules())


@pytest.mark.parametrize("name", OF_PICTURES)
def test_smallest_side_is_stated_right(name):
    side = MODELS[name].min_side
    assert MODELS[name]().build((3, side, side), 4, 7).eval()(torch.rand(1, 3, side, side)).shape == (1, 4)


SIZED = {
    "mlp": ["mlp(width=7,hidden_layers=3)"],
    "lenet": ["lenet(width=3)"],
    "convnet": ["convnet(width=3)"],
    "vgg6": ["vgg6(width=2,hidden=5)"],
    "alexnet": ["alexnet(width=1,hidden=5)"],
    "vit": ["vit(width=8,heads=2)", "vit(width=8,heads=2,pool='class token',blocks=3)"],
    "preact": ["preact(width=2,blocks=4)", "preact(width=2,blocks=3,order='post')"],
    "resnet18": ["resnet18(width=4)"],
}


def test_every_model_is_sized():
    assert set(SIZED) == set(OF_PICTURES)


@pytest.mark.parametrize("text", [text for texts in SIZED.values() for text in texts])
def test_entries_are_those_that_the_built_stages_make(text):
    model, asked = parse_component(text, MODELS, "model"), 0
    for shape in ((1, 8, 8), (3, 32, 32), (3, 32, 16), (3, 20, 28), (1, 72, 68), (3, 96, 80)):
        if min(shape[1:]) < model.min_side or model.problems(shape):
            continue
        stages, x = model.segments(model.build(shape, 4, 0).eval()), torch.zeros(1, *shape)
        for cut in range(1, model.depth + 1):
            if cut in model.open_cuts:
                assert model.entries(shape, cut, False) == model.opened(stages[cut - 1])(x).numel(), (shape, cut)
            x = stages[cut - 1](x)
            assert model.entries(shape, cut) == x.numel(), (shape, cut)
            asked += 1
    assert asked > 4


@pytest.mark.parametrize(
    "text", ["resnet18(width=4)", "preact(width=2,blocks=4)", "preact(width=2,blocks=3,order='post')", "preact(width=2,blocks=1)"]
)
def test_fewest_are_the_numbers_that_a_batch_norm_layer_meets(text):
    model = parse_component(text, MODELS, "model")
    for shape in ((1, 8, 8), (3, 9, 16), (3, 32, 32), (3, 96, 72)):
        net, met = model.build(shape, 4, 0).eval(), []
        for layer in net.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.register_forward_pre_hook(lambda module, given, met=met: met.append(given[0][0, 0].numel()))
        net(torch.zeros(1, *shape))
        assert model.fewest(shape) == min(met), shape
