"""The vision transformer against numpy, under the transforms that risk and attacks use, and where it does not fit."""

from __future__ import annotations

from itertools import product
from math import erf
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.core.rng import stream
from invviz.core.types import Batch, Net
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.pretraining import build_net
from invviz.models import MODELS
from invviz.protocols import HFL
from invviz.risk.jacobian import Jacobian
from invviz.scenario import Scenario, problems

SITE = Site(None, Path("/nonexistent"), "cpu")
WAYS = list(product(("on", "off"), ("pre", "none"), ("mean", "class token")))


def vit(shape=(3, 8, 12), classes=5, **knobs):
    return MODELS["vit"](**{"patch": 4, "width": 12, "heads": 3, **knobs}).build(shape, classes, 7).double()


def by_hand(params, picture, patch, heads, blocks, skip, norm, pool):
    """Class scores of one picture, token by token and head by head."""
    p = {name: value.detach().numpy() for name, value in params.items()}
    linear = lambda name, x: p[f"{name}.weight"] @ x + p[f"{name}.bias"]  # noqa: E731

    def normed(name, x):
        if norm == "none":
            return x
        return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]

    def attention(name, tokens):
        queries, keys, values = ([linear(f"{name}.{kind}", t) for t in tokens] for kind in ("query", "key", "value"))
        size, out = len(queries[0]) // heads, []
        for query in queries:
            mixed = []
            for h in range(heads):
                part = slice(h * size, (h + 1) * size)
                weights = np.exp([query[part] @ key[part] / np.sqrt(size) for key in keys])
                mixed.append(sum(w * value[part] for w, value in zip(weights / weights.sum(), values, strict=True)))
            out.append(linear(f"{name}.out", np.concatenate(mixed)))
        return out

    def mlp(name, x):
        hidden = linear(f"{name}.0", x)
        return linear(f"{name}.2", np.array([u * (1 + erf(u / np.sqrt(2))) / 2 for u in hidden]))

    pixels, tokens = (picture.numpy() - 0.5) / 0.25, []
    for top in range(0, pixels.shape[1], patch):
        for left in range(0, pixels.shape[2], patch):
            tokens.append(linear("tokens.embed", pixels[:, top : top + patch, left : left + patch].ravel()))
    tokens = ([p["tokens.class_token"]] if pool == "class token" else []) + tokens
    tokens = [t + e for t, e in zip(tokens, p["tokens.positions"], strict=True)]
    for k in range(1, blocks + 1):
        for change in (
            lambda x, k=k: attention(f"block{k}.attention", [normed(f"block{k}.norm1", t) for t in x]),
            lambda x, k=k: [mlp(f"block{k}.mlp", normed(f"block{k}.norm2", t)) for t in x],
        ):
            changed = change(tokens)
            tokens = [t + c for t, c in zip(tokens, changed, strict=True)] if skip == "on" else changed
    last = [normed("norm", t) for t in tokens]
    return linear("head", last[0] if pool == "class token" else np.mean(last, 0))


@pytest.mark.parametrize(("skip", "norm", "pool"), WAYS)
def test_scores_by_hand(skip, norm, pool):
    how = {"blocks": 2, "skip": skip, "norm": norm, "pool": pool}
    net, pictures = vit(**how), torch.rand(2, 3, 8, 12, dtype=torch.float64, generator=stream(0, "image"))
    for p in net.parameters():
        p.data = torch.randn(p.shape, dtype=p.dtype, generator=stream(p.numel(), "weights")) / 4  # also what starts at 0 or 1
    found = net(pictures).detach().numpy()
    for picture, scores in zip(pictures, found, strict=True):
        assert np.allclose(scores, by_hand(dict(net.named_parameters()), picture, 4, 3, **how), atol=1e-11)


def test_size_by_hand():
    net = MODELS["vit"]().build((3, 32, 32), 10, 7)
    d = 96
    block = 4 * (d * d + d) + (d * 2 * d + 2 * d) + (2 * d * d + d) + 2 * 2 * d
    assert sum(p.numel() for p in net.parameters()) == (48 * d + d) + 64 * d + 2 * block + 2 * d + (10 * d + 10)
    names = [name for name, _ in net.named_parameters()]
    assert names[0] == "tokens.positions" and names[-1] == "head.bias"


@pytest.mark.parametrize(("skip", "norm", "pool"), WAYS)
def test_release_under_the_transforms(skip, norm, pool):
    """jvp and vjp of the gradient, many at once, against differences; and twice differentiable."""
    net = Net.of(vit((1, 4, 8), width=6, heads=2, skip=skip, norm=norm, pool=pool))
    batch = Batch.of(torch.rand(1, 1, 4, 8, dtype=torch.float64, generator=stream(1, "image")), torch.tensor([2]))
    jacobian = Jacobian.of(HFL().release, net, batch)
    v = torch.randn(3, 32, dtype=torch.float64, generator=stream(1, "v"))
    moved = torch.func.vmap(lambda u: torch.func.jvp(jacobian.map, (jacobian.point,), (u,))[1])(v)
    dense = torch.func.jacrev(jacobian.map)(jacobian.point)
    for u, m in zip(v, moved, strict=True):
        numeric = (jacobian.map(jacobian.point + 1e-5 * u) - jacobian.map(jacobian.point - 1e-5 * u)) / 2e-5
        assert torch.allclose(m, numeric, atol=1e-7)
        assert torch.allclose(dense @ u, m, atol=1e-12)


def test_it_learns(tmp_path, monkeypatch):
    s = Scenario.parse("data=digits&model=vit(init='trained',width=32)")
    monkeypatch.setattr(type(s.model), "epochs", 4)
    assert build_net(s, s.data.load(None), tmp_path)[1] > 0.7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data=photos&model=vit(patch=5)", "patches of 5x5 pixels; one of 32x32 leaves a rest. Use a patch that divides both sides"),
        ("data=photos&model=vit(width=10,heads=4)", "width is 10, heads is 4. Use a multiple"),
        ("data=photos&model=vit&protocol=vfl(parties=3)", "one of 32x10 leaves a rest"),
        ("data=photos&model=vit&protocol=vfl(activated=False)", "behind whole blocks only"),
        ("data=photos&model=vit&protocol=vfl(cut=3)", "vit has 2 layers"),
        ("data=wine&model=vit", "Use model=mlp"),
        ("data=digits&model=vit&attack=linear_layer", "begins with a patch embedding"),
    ],
)
def test_what_does_not_fit_says_why(text, words):
    assert any(words in p for p in problems(Scenario.parse(text))), problems(Scenario.parse(text))


@pytest.mark.parametrize("pool", ["mean", "class token"])
@pytest.mark.parametrize("attack", ["rmle(steps=3)", "inverse_network(epochs=1,pictures=64)", "least_squares(steps=1)"])
def test_embeddings_are_flat_and_can_be_attacked(attack, pool):
    s = Scenario.parse(f"data=digits&model=vit(width=8,blocks=3,pool='{pool}')&protocol=vfl(parties=2,cut=3)&attack={attack}")
    client = meet_client(s, SITE)
    tokens = 2 + (pool == "class token")
    assert client.release(client.net, client.batch, None)["embedding"].shape == (1, 8 * tokens)
    assert np.isfinite(run(s, SITE).guess).all()
