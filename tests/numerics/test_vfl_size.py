"""The size of embeddings as a knob of its own, and the cuts of a deeper mlp."""

import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from invviz.attacks import least_squares
from invviz.core.errors import InvvizError
from invviz.core.tree import flatten
from invviz.core.types import Batch
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.summary import risk_summary
from invviz.engine.training import train
from invviz.models import MODELS
from invviz.protocols import VFL
from invviz.risk import TAU
from invviz.scenario import Scenario, former_key, problems
from invviz.scenario.families.cuts import at_depths, layer_of


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path, "cpu")


def test_without_a_size_everything_is_as_before():
    assert "size" not in VFL().text(full=True) and "hidden" not in MODELS["mlp"]().text(full=True)
    s = Scenario.parse("data=digits&model=mlp(init='trained')&protocol=vfl(parties=1,cut=1)")
    assert s.key("weights") == Scenario.parse("data=digits&model=mlp(init='trained')").key("weights")
    assert former_key("run", s) == "69c0d0bcf11b11dcc674"


def test_the_key_of_trained_weights_knows_the_size():
    s = "data=digits&model=mlp(init='trained',hidden_layers=2)&protocol=vfl({})"
    keys = [
        Scenario.parse(s.format(how)).key("weights")
        for how in ("parties=1", "parties=1,size=8", "parties=1,size=9", "parties=1,size=8,cut=2", "parties=2", "parties=2,size=8")
    ]
    assert len(set(keys)) == 6
    both = [Scenario.parse(s.format(f"parties=2,size=8,party={k}")) for k in (0, 1)]
    assert both[0].key("weights") == both[1].key("weights") and both[0].key("train") == both[1].key("train")


@pytest.mark.parametrize(("name", "cut"), [("mlp", 1), ("lenet", 2), ("preact", 2)])
@pytest.mark.parametrize("parties", [1, 2])
def test_a_bottom_ends_in_one_more_linear_layer(name, cut, parties):
    model, shape = MODELS[name](width=8), (3, 16, 16)
    plain, small = (VFL(parties=parties, cut=cut, size=size).assemble(model, shape, 10, 3) for size in (0, 7))
    before = torch.random.get_rng_state()
    VFL(parties=parties, cut=cut, size=7).assemble(model, shape, 10, 3)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(part.training for part in small.modules())
    small.eval()
    for party in range(parties):
        picture = torch.rand(2, *VFL(parties=parties, party=party).shape(shape))
        inner, last = small.bottoms[party][:-2], small.bottoms[party][-1]
        assert all(torch.equal(a, b) for a, b in zip(inner.parameters(), plain.bottoms[party].parameters(), strict=True))
        expected = inner(picture).flatten(1) @ last.weight.T + last.bias
        assert torch.allclose(small.bottoms[party](picture), expected, atol=1e-5)
    if parties == 2:
        assert not torch.equal(small.bottoms[0][-1].weight, small.bottoms[1][-1].weight), "every party its own"
    for name, value in small.state_dict().items():
        assert "running_mean" not in name or not value.any(), "building it leaves running statistics alone"
    assert small.top[0].in_features == 7 * parties and small(torch.rand(2, *shape)).shape == (2, 10)


@pytest.mark.parametrize(
    ("model", "how", "inputs"),
    [
        ("mlp(width=80)", "parties=1", 64),
        ("lenet", "parties=1", 64),
        ("mlp(width=80)", "parties=2,party=1", 32),
        ("convnet(width=4)", "parties=2,together=2", 64),
    ],
)
@pytest.mark.parametrize("missing", [0, 1])
def test_a_linear_bottom_is_solved_if_and_only_if_it_sends_as_many_numbers_as_it_holds(site, model, how, inputs, missing):
    size = (inputs // 2 if "together" in how else inputs) - missing
    s = Scenario.parse(f"data=digits&model={model}&protocol=vfl({how},activated=False,size={size})&attack=least_squares&dtype=float64")
    found = run(s, site)
    rank = inputs - (2 * missing if "together" in how else missing)
    assert f"rank {rank} of {inputs}" in found.note
    assert (found.scores["psnr"][0] > 140) == (not missing)
    if missing:  # what the rows of the composed matrix span comes back, the rest is grey
        client = meet_client(s, site)
        send = lambda x: flatten(client.bare(client.net, Batch.of(x, client.batch.label), None))  # noqa: E731
        matrix = torch.func.jacrev(send)(client.batch.image).flatten(1).numpy()
        expected = 0.5 + np.linalg.pinv(matrix) @ matrix @ (found.truth.ravel() - 0.5)
        assert np.allclose(found.guess.ravel(), expected.clip(0, 1), atol=1e-5)


def test_a_narrow_layer_before_it_limits_the_rank(site):
    """64 numbers sent behind 40 neurons are of rank 40."""
    found = run(
        Scenario.parse(
            "data=digits&model=mlp(width=40)&protocol=vfl(parties=1,activated=False,size=64)&attack=least_squares&dtype=float64"
        ),
        site,
    )
    assert "rank 40 of 64" in found.note and found.scores["psnr"][0] < 60


def test_the_risk_against_a_dense_posterior_and_rising_with_the_size(site):
    scores = []
    for size in (4, 12, 48):
        s = Scenario.parse(f"data=digits&model=lenet(width=4)&protocol=vfl(parties=1,cut=2,size={size})&dtype=float64&floor=0.05")
        found, client = assess(s, site), meet_client(s, site)
        risk = risk_summary(s, found.decomposition, found.size, found.stages)
        send = lambda x, client=client: flatten(client.bare(client.net, Batch.of(x, client.batch.label), None))  # noqa: E731
        jacobian, message = torch.func.jacrev(send)(client.batch.image).flatten(1).numpy(), send(client.batch.image).numpy()
        assert len(message) == size == risk["p"]
        posterior = np.linalg.inv(np.eye(64) / TAU**2 + jacobian.T @ jacobian / (0.05**2 * (message**2).mean()))
        assert risk["invre"] == pytest.approx(1 - np.trace(posterior) / (64 * TAU**2), rel=1e-4)
        scores.append(risk["invre"])
    assert scores == sorted(scores) and scores[0] <= 4 / 64


@pytest.mark.parametrize(
    "attack",
    [
        "rmle(steps=20)",
        "inverse_network(epochs=1)",
        "unsplit(steps=20)",
        "fora",
        "decoder&server=hijacking(steps=3)",
        "dlg(steps=10,restarts=1)",
    ],
)
def test_every_attack_takes_an_embedding_of_any_size(site, attack):
    s = Scenario.parse(f"data=digits&model=convnet(width=4)&protocol=vfl(parties=2,size=9)&attack={attack}")
    assert not problems(s)
    small = {k.name: min(k.default, 3) for k in s.attack.knobs() if k.name in ("epochs", "rounds", "steps") and not attack.endswith(")")}
    found = run(s.replace(attack=s.attack.replace(**small)), site)
    assert np.isfinite(found.guess).all() and found.guess.shape == (1, 1, 8, 4)


def test_a_larger_embedding_is_worth_accuracy(site):
    text = "data=digits&model=mlp&protocol=vfl(size={})&train=federated(rounds=50,clients=12)"
    one, many = (train(Scenario.parse(text.format(size)), site).accuracy for size in (1, 16))
    assert many > one + 0.1


def test_trained_weights_of_one_party(site, monkeypatch):
    monkeypatch.setattr(MODELS["mlp"], "epochs", 2)
    s = Scenario.parse("data=digits&model=mlp(init='trained')&protocol=vfl(parties=1,size=8)")
    first, again = meet_client(s, site), meet_client(s, site)
    assert first.accuracy == again.accuracy and all(torch.equal(first.net.params[k], again.net.params[k]) for k in first.net.params)
    assert first.net.module.bottoms[0](torch.rand(1, 1, 8, 8)).shape == (1, 8)


def test_what_is_too_large_says_so(site):
    with pytest.raises(InvvizError, match="Lower size to 190 or less, or cut deeper"):
        VFL(parties=1, size=4096).assemble(MODELS["resnet18"](width=64), (3, 64, 64), 10, 1)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_deeper_mlp_has_a_cut_behind_every_hidden_layer(count):
    s = Scenario.parse(f"data=digits&model=mlp(width=16,hidden_layers={count})&protocol=vfl(parties=1)")
    cuts = at_depths(s)
    assert [layer_of(one) for one in cuts] == ["linear", "linear 2", "linear 3", "linear 4"][:count]
    assert not any(problems(one) for one in cuts)
    assert any(f"has {count} layers" in p for p in problems(s.replace(protocol=VFL(parties=1, cut=count + 1))))
    whole, picture = s.model.build((1, 8, 8), 10, 3), torch.rand(2, 1, 8, 8)
    weights = [layer for layer in whole if isinstance(layer, torch.nn.Linear)]
    assert len(weights) == count + 1
    hidden = picture.flatten(1)
    for one, layer in zip(cuts, weights[:-1], strict=True):
        hidden = (hidden @ layer.weight.T + layer.bias).relu()
        joint = one.protocol.assemble(s.model, (1, 8, 8), 10, 3)
        assert torch.allclose(joint.bottoms[0](picture), hidden, atol=1e-6)
        assert torch.allclose(joint(picture), whole(picture), atol=1e-6)
    assert torch.allclose(hidden @ weights[-1].weight.T + weights[-1].bias, whole(picture), atol=1e-6)


def test_a_deeper_mlp_is_still_read_off_its_gradient(site):
    found = run(Scenario.parse("data=digits&model=mlp(hidden_layers=3)&attack=linear_layer&dtype=float64"), site)
    assert found.scores["psnr"][0] > 150


@pytest.mark.parametrize("pictures", [6, 40], ids=["fewer pictures than pixels", "more"])
@pytest.mark.parametrize("rows", [4, 90], ids=["short message", "long message"])
def test_the_most_likely_picture_is_that_of_the_covariance_itself(pictures, rows):
    """mu + C J^T (J C J^T + s^2)^-1 (m - f(x) + J (x - mu)), with the whole covariance of a batch, by NumPy."""
    rng, d, b = np.random.default_rng(0), 9, 2
    public, jacobian, x, rest = (
        rng.random((pictures, 1, 3, 3)),
        rng.normal(size=(rows, b * d)),
        rng.random((b, 1, 3, 3)),
        rng.normal(size=rows),
    )
    mu = public.mean(0)
    covariance = np.kron(np.eye(b), np.cov(public.reshape(pictures, d).T))
    known = jacobian @ covariance @ jacobian.T + 0.1**2 * np.eye(rows)
    theirs = np.tile(mu.ravel(), b) + covariance @ jacobian.T @ np.linalg.solve(known, rest + jacobian @ (x - mu).ravel())
    obs = SimpleNamespace(public=torch.tensor(public), noise=0.0)
    ours = least_squares._Public.of(obs, 0.1).step(torch.tensor(x), torch.tensor(jacobian), torch.tensor(rest))
    np.testing.assert_allclose(ours.numpy().ravel(), theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("entries", [5, 40])
def test_the_jacobian_by_columns_is_the_one_by_rows(entries):
    weights = torch.randn(entries, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    send = lambda image: torch.tanh(weights @ image.flatten())  # noqa: E731
    image = torch.linspace(-1, 1, 12, dtype=torch.float64).view(1, 1, 3, 4)
    slope = 1 - torch.tanh(weights @ image.flatten()) ** 2
    assert torch.allclose(least_squares._jacobian(send, image, entries), slope[:, None] * weights, rtol=1e-12)


@pytest.mark.parametrize("entries", [11, 40])
def test_derivatives_are_taken_a_few_at_once(entries, monkeypatch):
    """Of a message of 40 numbers along the 12 of the picture, of one of 11 along its own: three times 5 or fewer."""
    monkeypatch.setattr(least_squares, "tangents_that_fit", lambda written: 5)
    real, sizes = torch.func.vmap, []

    def vmap(function, chunk_size=None, **rest):
        sizes.append(chunk_size)
        return real(function, chunk_size=chunk_size, **rest)

    monkeypatch.setattr(torch.func, "vmap", vmap)
    monkeypatch.setattr(torch._functorch.eager_transforms, "vmap", vmap)
    jacobian = least_squares._jacobian(lambda image: image.flatten().repeat(4)[:entries] ** 2, torch.ones(1, 1, 3, 4), entries)
    assert jacobian.shape == (entries, 12)
    assert sizes == ([5] if entries > 12 else [None] * 3), "PyTorch's jacrev cuts its rows itself"


@pytest.mark.slow
def test_a_long_message_is_solved_in_little_memory():
    """A batch of 4 digits, 2 rounds of 4,096 numbers: all unit vectors of the message at once were 4.3 GB, of a batch of 8 17 GB."""
    code = """
import resource, sys
from pathlib import Path
from invviz.engine.attack import Site, run
from invviz.scenario import Scenario, former_key, problems
import torch
torch.zeros(1)
limit = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize() + (4 << 30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
s = Scenario.parse("data=digits&model=mlp&protocol=vfl(parties=1,size=4096)&attack=least_squares(steps=1)&batch=4&rounds=2")
assert not problems(s)
run(s, Site(None, Path(sys.argv[1]), 'cpu'))
print("ran")
"""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", code, folder], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
        )
    assert done.stdout.strip() == "ran", done.stderr[-500:]
