"""How many multiplications a net takes, as models say it without building one, against PyTorch's own counter."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from invviz.core.component import parse_component
from invviz.models import MODELS

CASES = [
    ("lenet", (3, 32, 32)), ("lenet(width=7)", (1, 9, 8)), ("convnet", (3, 17, 32)), ("mlp(hidden_layers=3,width=50)", (1, 8, 8)),
    ("alexnet(width=8)", (3, 32, 32)), ("alexnet(width=4,hidden=33)", (3, 64, 64)), ("vgg6(width=4)", (3, 35, 32)),
    ("resnet18(width=8)", (3, 32, 32)), ("resnet18(width=8,norm='group')", (1, 100, 100)), ("preact(blocks=3,width=4)", (3, 32, 32)),
    ("preact(skip='off',order='post',grid=2)", (3, 16, 16)), ("vit", (3, 32, 32)), ("vit(pool='class token',patch=8,width=32,blocks=3)", (3, 32, 16)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shape"), CASES)
def test_as_many_as_pytorch_counts(text, shape):
    model = parse_component(text, MODELS, "model")
    module = model.build(shape, 10, 0).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.zeros(1, *shape))
    assert 2 * model.products(shape, 10) == counter.get_total_flops()  # a multiplication and an addition


def test_every_model_is_among_them():
    assert {text.partition("(")[0] for text, _ in CASES} == {name for name, model in MODELS.items() if model.takes("picture")}, (
        "those of sentences: test_text.py"
    )
