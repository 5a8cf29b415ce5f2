"""APRIL: its equations against plain autograd and numpy, exact where they hold, and a certificate that knows where they do not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from seen import SITE, psnr

from invviz.attacks._april import by_attention, by_embedding, most_likely
from invviz.attacks._base import Unreadable
from invviz.attacks._tokens import front
from invviz.core.rng import stream
from invviz.core.types import Net
from invviz.engine.attack import run
from invviz.engine.client import meet_client
from invviz.engine.observe import observe
from invviz.models import MODELS
from invviz.scenario import Scenario, problems

BARE = "skip='off',norm='none'"
IMAGE = torch.rand(1, 3, 8, 12, dtype=torch.float64, generator=stream(0, "image"))


def april(rest):
    return run(Scenario.parse(f"attack=april&{rest}" if "attack=" not in rest else rest), SITE)


def vit(shape=(3, 8, 12), **knobs):
    return Net.of(MODELS["vit"](**{"width": 64, **knobs}).build(shape, 5, 7).double())


def patches_of(image):
    """Rows of pixels, by torch's own unfold."""
    return torch.nn.functional.unfold(image, 4, stride=4)[0].T


@pytest.mark.parametrize("pool", ["mean", "class token"])
@pytest.mark.parametrize(("skip", "norm"), [("off", "none"), ("on", "none"), ("off", "pre"), ("on", "pre")])
def test_the_front_is_read_off_the_net(skip, norm, pool):
    found = front(vit(skip=skip, norm=norm, pool=pool), IMAGE)
    assert (found.skip, found.norm, found.extra) == (skip == "on", norm == "pre", int(pool == "class token"))
    assert (found.positions, found.embed) == ("tokens.positions", "tokens.embed")
    assert found.readers == tuple(f"block1.attention.{kind}" for kind in ("query", "key", "value"))
    assert torch.equal(IMAGE.flatten()[found.place], patches_of(IMAGE))
    assert (found.scale, found.shift) == (4.0, -2.0)


@pytest.mark.parametrize("name", ["mlp", "lenet", "convnet"])
def test_other_nets_are_refused(name):
    with pytest.raises(Unreadable, match="no position embeddings"):
        front(Net.of(MODELS[name](width=8).build((3, 8, 12), 5, 7).double()), IMAGE)


@pytest.mark.parametrize("pool", ["mean", "class token"])
@pytest.mark.parametrize(
    ("skip", "norm", "system", "holds"),
    [
        ("off", "none", by_attention, True),
        ("on", "none", by_attention, False),
        ("off", "pre", by_attention, False),
        ("off", "none", by_embedding, True),
        ("on", "pre", by_embedding, True),
    ],
)
def test_the_truth_solves_the_equations_where_they_hold(skip, norm, pool, system, holds):
    """The gradients by plain autograd; tokens and patches by hand."""
    net = vit(skip=skip, norm=norm, pool=pool)
    module = net.module.requires_grad_(True)
    loss = torch.nn.functional.cross_entropy(module(IMAGE), torch.tensor([1]))
    message = dict(zip(net.params, torch.autograd.grad(loss, list(module.parameters())), strict=True))
    module.requires_grad_(False)
    equations = system(front(net, IMAGE), message, {k: torch.ones_like(v) for k, v in message.items()}, net.params)
    x = patches_of(IMAGE) / 0.25
    if system is by_attention:
        x = x @ net.params["tokens.embed.weight"].T
    right = equations.right.numpy()
    assert np.allclose(equations.slopes.T.numpy() @ x.numpy(), right, atol=1e-12 * np.abs(right).max()) == holds
    assert (float(equations.sums.norm()) < 1e-12 * equations.size) == holds
    assert bool(equations.use.all())


def test_least_squares_with_a_prior_by_hand():
    rng = np.random.default_rng(0)
    matrix, right = rng.normal(size=(7, 4)), rng.normal(size=(7, 3))
    matrix[:, 3] = matrix[:, 2]
    x, rank, error = most_likely(torch.tensor(matrix), torch.tensor(right), 0.3, 2.0, 1e-16)
    normal = matrix.T @ matrix + np.eye(4) * (0.3 / 2.0) ** 2
    assert np.allclose(x.numpy(), np.linalg.solve(normal, matrix.T @ right))
    assert rank == 3
    moves = np.linalg.solve(normal, matrix.T)  # of x by errors of the right-hand side
    assert error == pytest.approx(0.3 * np.sqrt((moves**2).sum() / 4))


SEEDS = range(5)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pool", ["mean", "class token"])
@pytest.mark.parametrize("data", ["digits", "photos(size=16)"])
def test_exact_on_the_net_of_the_paper(data, pool, seed):
    data = data.replace("photos(", f"photos(index={seed},").replace("digits", f"digits(index={seed})")
    found = april(f"data={data}&model=vit({BARE},pool='{pool}')&seed={seed}&dtype=float64")
    assert psnr(found) > 120
    assert found.note.startswith("Exact") and not found.failed
    assert found.loss < 1e-20
    assert found.guessed_labels.tolist() == found.labels.tolist()
    assert found.given == "message, net, batch size"


@pytest.mark.parametrize("seed", SEEDS[:2])
@pytest.mark.parametrize(("skip", "norm"), [("on", "none"), ("off", "pre"), ("on", "pre")])
def test_skip_and_norm_break_the_attention_and_not_the_embedding(skip, norm, seed):
    model = f"vit(skip='{skip}',norm='{norm}')"
    rest = f"data=photos(index={seed},size=16)&model={model}&seed={seed}&dtype=float64"
    found = april(rest)
    assert psnr(found) < 30
    assert found.note.startswith("Not exact")
    assert ("residual connection around" in found.note) == (skip == "on")
    assert ("LayerNorm before" in found.note) == (norm == "pre")
    assert "contradict each other" in found.note
    exact = april(f"attack=april(equations='embedding')&{rest}")
    assert psnr(exact) > 120 and exact.note.startswith("Exact") and exact.loss < 1e-20


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("equations", ["attention", "embedding"])
def test_a_class_token_after_one_block_has_too_small_a_rank(heads, equations):
    """Each head hands two directions on from the class token to its patches: one through keys, one through values."""
    rest = f"data=photos(size=16)&model=vit({BARE},blocks=1,heads={heads},pool='class token')&dtype=float64&attack=april(equations='{equations}')"
    found = april(rest)
    obs = observe(Scenario.parse(rest), meet_client(Scenario.parse(rest), SITE))
    rank = np.linalg.matrix_rank(obs.message["tokens.positions"][1:].numpy())
    assert rank == 2 * heads
    assert found.note.startswith(f"Not exact: the gradients of 16 patches have rank {rank}, which leaves {16 - rank} directions open")
    assert psnr(found) < 40


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ("width=24", "a patch has 48 numbers, and its token tells 24 of them"),
        ("width=12,patch=2", "the gradients of 64 patches have rank 12"),
    ],
)
def test_a_net_too_narrow_is_told(knobs, words):
    found = april(f"data=photos(size=16)&model=vit({BARE},{knobs})&dtype=float64")
    assert words in found.note and psnr(found) < 40


@pytest.mark.parametrize("defense", ["gaussian_noise(sigma=0.001)", "quantisation(bits=16)", "sign", "pruning(fraction=0.3)"])
@pytest.mark.parametrize("equations", ["attention", "embedding"])
def test_an_altered_message_is_told(defense, equations):
    found = april(f"data=photos(size=16)&model=vit({BARE})&defense={defense}&dtype=float64&attack=april(equations='{equations}')")
    assert found.note.startswith("Not exact") and "contradict each other" in found.note
    assert psnr(found) < 80


@pytest.mark.parametrize(("model", "equations", "fraction"), [(f"vit({BARE})", "attention", 0.1), ("vit", "embedding", 0.8)])
def test_who_knows_that_entries_were_held_back_leaves_them_out(model, equations, fraction):
    rest = f"data=digits&model={model}&defense=pruning(fraction={fraction})&dtype=float64&attack=april(equations='{equations}')"
    unaware = april(rest)
    assert unaware.note.startswith("Not exact")
    found = april(rest + "&attacker=aware")
    assert psnr(found) > psnr(unaware) + 40 and psnr(found) > 120
    assert found.note.startswith("Exact") and "were left out" in found.note


@pytest.mark.parametrize(
    ("defense", "words"),
    [
        ("clipping(clip_norm=0.01)", "times a gradient"),
        ("precode", "parts of the message that were not needed"),
        ("dropout", "parts of the message that were not needed"),
    ],
)
def test_what_hides_nothing(defense, words):
    found = april(f"data=digits&model=vit({BARE})&dtype=float64&defense={defense}")
    assert psnr(found) > 120 and found.note.startswith("Exact") and words in found.note


def test_positions_rounded_to_zero_are_told():
    found = april(f"data=photos(size=16)&model=vit({BARE})&defense=quantisation(bits=8)")
    assert found.failed and found.note == "The gradient of the positions is zero: nothing can be read off it."


def test_float32_is_called_exact_only_where_it_is_close():
    called = 0
    for seed in range(4):
        for equations in ("attention", "embedding"):
            for model in (f"vit({BARE})", "vit"):
                found = april(f"data=photos(index={seed},size=16)&model={model}&seed={seed}&attack=april(equations='{equations}')")
                called += found.note.startswith("Exact")
                assert psnr(found) > 50 or found.note.startswith("Not exact")
    assert called >= 4


@pytest.mark.parametrize("value", [0.0, float("nan"), 1e300])
def test_odd_messages_end_in_words(value):
    scenario = Scenario.parse(f"data=digits&model=vit(width=16,{BARE})&attack=april&dtype=float64")
    obs = observe(scenario, meet_client(scenario, SITE))
    odd = {k: torch.full_like(v, value) for k, v in obs.message.items()}
    for kind in ("attention", "embedding"):
        odd_obs = dataclasses.replace(obs, message=odd)
        found = scenario.attack.replace(equations=kind).reconstruct(odd_obs, stream(1, "attack"), lambda step: True)
        assert found.failed and found.note
        assert torch.isfinite(found.batch.image).all()


@pytest.mark.parametrize(("hidden", "read"), [("tokens.embed.weight", "attention"), ("block1.attention.key.weight", "embedding")])
def test_a_hidden_layer_stops_those_equations_only_that_need_it(hidden, read):
    scenario = Scenario.parse(f"data=digits&model=vit({BARE})&dtype=float64&attack=april")
    obs = observe(scenario, meet_client(scenario, SITE))
    seen = {k: torch.full_like(v, float(k != hidden)) for k, v in obs.message.items()}
    told = dataclasses.replace(obs, message={k: v * seen[k] for k, v in obs.message.items()}, seen=seen)
    for equations in ("attention", "embedding"):
        found = scenario.attack.replace(equations=equations).reconstruct(told, stream(1, "attack"), lambda step: True)
        assert found.note.startswith("Exact") == (equations == read)


def test_what_does_not_fit_says_why():
    said = lambda text: problems(Scenario.parse(f"data=digits&attack=april&{text}"))  # noqa: E731
    assert any("Use model=vit(skip='off',norm='none')" in p for p in said("model=lenet"))
    assert any("at most 1 sample" in p for p in said("model=vit&batch=2"))
    assert any("local steps" in p for p in said("model=vit&protocol=hfl(local_steps=2)"))
    assert any("sends an embedding" in p for p in said("model=vit&protocol=vfl(parties=1)"))
    assert not said("model=vit")
