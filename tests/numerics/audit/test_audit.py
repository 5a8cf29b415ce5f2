"""The audit of a net of one's own: the same numbers as the house's own scenarios, and a dense Jacobian as the reference for what no scenario has."""

import dataclasses
import json
import math

import jsonschema
import numpy as np
import pytest
import torch
from torch import nn

import invviz
from invviz.core.errors import InvvizError
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.audit.settings import case_of, scenario_of
from invviz.engine.audit.subject import NotAuditable, subject
from invviz.engine.client import Site, meet_client
from invviz.engine.summary import risk_summary
from invviz.report.audit import schema, to_html
from invviz.risk import TAU, Jacobian, psnr_of
from invviz.scenario import Scenario


class Regression(nn.Module):
    def __init__(self, inputs=12, dtype=torch.float32):
        super().__init__()
        self.first, self.last = nn.Linear(inputs, 24), nn.Linear(24, 2)
        self.to(dtype)

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)))


class GreyNet(nn.Module):
    """Dropout and group norm on pictures that are no squares."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.GroupNorm(2, 8), nn.SiLU(), nn.Dropout2d(0.2),
            nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.GroupNorm(2, 8), nn.SiLU(), nn.Flatten(), nn.Dropout(0.5),
        )  # fmt: skip
        self.head = nn.Linear(8 * 3 * 5, 4)

    def forward(self, image):
        return self.head(self.body(image))


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right, self.last = nn.Linear(5, 8), nn.Linear(6, 8), nn.Linear(8, 3)
        self.table = nn.Embedding(4, 8)

    def forward(self, *, age, scan, ward):
        return self.last(torch.tanh(self.left(age) + self.right(scan.flatten(1)) + self.table(ward)))


class Tied(nn.Module):
    """One weight in three places: by two layers' names, and by hand."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.decoder.weight = self.encoder.weight

    def forward(self, x):
        hidden = torch.tanh(self.decoder(torch.tanh(self.encoder(x))))
        return self.head(hidden) + (hidden @ self.encoder.weight)[:, :3]


class ByHand(nn.Module):
    """The weight of a linear layer, used a second time outside of it."""

    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        hidden = torch.tanh(self.encoder(x))
        return self.head(hidden) + (hidden @ self.encoder.weight)[:, :3]


def by_hand(net, x, loss):
    """J of the gradient by torch's own autograd on the live module, without functional calls."""
    params = [p for p in net.parameters() if p.requires_grad]

    def message(x):
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss(net(x)), params, create_graph=True)])

    return torch.autograd.functional.jacobian(message, x, vectorize=True).flatten(1)


@pytest.fixture(autouse=True)
def weights():
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("model", "defense"),
    [
        ("lenet(width=4)", ""),
        ("mlp(act='tanh')", "gaussian_noise(sigma=0.1)"),
        ("lenet(width=4)", "clipping(clip_norm=0.1)&gaussian_noise(sigma=0.01)"),
    ],
)
def test_the_numbers_are_those_of_run_and_risk(model, defense, tmp_path):
    written = "".join(f"&defense={one}" for one in defense.split("&") if one)
    s = Scenario.parse(f"data=digits&model={model}&batch=2&attack=dlg(steps=10,restarts=1)&attacker=aware{written}")
    site = Site(None, tmp_path)
    client = meet_client(s, site)
    found = assess(s, site)
    expected = risk_summary(s, found.decomposition, found.size, found.stages, found.trust.to_json() if found.trust else None, found.solved)
    attacked = run(s, site)
    module = client.net.module.requires_grad_(True)
    mine = invviz.audit(module, client.batch.image, client.batch.label, defense=defense, attacks="dlg(steps=10,restarts=1)", seed=s.seed)
    for name in ("invre", "psnr_ceiling", "invloss", "sigma", "n", "p"):
        assert mine.risk[name] == pytest.approx(expected[name], rel=1e-6), name
    assert np.allclose(mine.risk["singular_values"], expected["singular_values"], rtol=1e-6, atol=1e-6 * expected["singular_values"][0])
    assert np.allclose(mine.strongest.psnr, attacked.scores["psnr"], rtol=1e-6)
    by_record = {row.record: row for row in mine.records}
    for k, loss in enumerate(expected["invloss_samples"]):
        assert by_record[k].ideal_psnr == pytest.approx(psnr_of(loss / 64), rel=1e-6)


@pytest.mark.parametrize("kind", ["tied", "frozen", "twice", "by hand"])
def test_shared_and_frozen_weights_give_the_jacobian_of_the_live_module(kind):
    net = (ByHand() if kind == "by hand" else Tied()).double()
    if kind == "frozen":
        net.head.requires_grad_(False)
    if kind == "twice":
        net.again = net.encoder  # a module that stands twice in the tree
    before = {name: p.clone() for name, p in net.named_parameters()}
    x, label = torch.rand(2, 6, dtype=torch.float64), torch.tensor([0, 2])
    who = subject(net, x, label)
    case = case_of(who, scenario_of(who))
    found = Jacobian.of(case.client.release, case.client.net, case.client.batch, is_gradient=True)
    dense = by_hand(net, x, lambda out: nn.functional.cross_entropy(out, label))
    assert torch.allclose(found.dense(), dense, atol=1e-10)
    assert torch.allclose(found.gram(), dense.T @ dense, atol=1e-9)  # the closed form of linear layers steps back
    assert all(
        torch.equal(p, before[name]) and p.requires_grad == (not (kind == "frozen" and "head" in name))
        for name, p in net.named_parameters()
    )
    assert all(torch.equal(p, before[name]) for name, p in who.net.module.named_parameters())  # functional calls left no trace


def test_a_table_with_a_regression_loss():
    net, x, y = Regression(dtype=torch.float64), 3 * torch.randn(3, 12, dtype=torch.float64), torch.randn(3, 2, dtype=torch.float64)
    low, high = x.min(), x.max()
    found = invviz.audit(net, x, y, loss=nn.functional.mse_loss, attacks="none")
    dense = by_hand(net, x, lambda out: nn.functional.mse_loss(out, y)) * (high - low)  # in units of the range
    values = np.linalg.svd(dense.detach().numpy(), compute_uv=False)
    assert np.allclose(found.risk["singular_values"], values, rtol=1e-8)
    assert found.invre == pytest.approx(np.mean(TAU**2 * values**2 / (TAU**2 * values**2 + found.risk["sigma"] ** 2)), rel=1e-7)
    assert any(f"{float(low):.4g} and {float(high):.4g}" in note for note in found.findings.notes)
    given = invviz.audit(net, x, y, loss=nn.functional.mse_loss, attacks="none", bounds=(-20.0, 20.0))
    assert given.risk["singular_values"][0] == pytest.approx(values[0] * 40 / float(high - low), rel=1e-8)
    columns = (x.min(0).values - 1, x.max(0).values + 1)
    each = invviz.audit(net, x, y, loss=nn.functional.mse_loss, attacks="none", bounds=columns)
    scaled = by_hand(net, x, lambda out: nn.functional.mse_loss(out, y)) * (columns[1] - columns[0]).repeat(3)
    assert np.allclose(each.risk["singular_values"], np.linalg.svd(scaled.detach().numpy(), compute_uv=False), rtol=1e-8)


@pytest.mark.parametrize("bounds", [None, (-20.0, 20.0)])
def test_one_row_of_a_table_is_read_off_the_first_layer(bounds):
    found = invviz.audit(Regression(), 3 * torch.randn(1, 12), torch.randn(1, 2), loss=nn.functional.mse_loss, bounds=bounds, seconds=10)
    assert found.strongest.attack == "linear_layer" and found.strongest.psnr[0] > 60 and not found.strongest.failed
    assert found.guess.shape == found.truth.shape and np.abs(found.guess - found.truth).max() < 1e-4
    assert any("rounding" in one for one in found.advice)


def test_grey_pictures_that_are_no_squares_with_dropout_and_group_norm():
    net = GreyNet().train()
    found = invviz.audit(net, {"image": torch.rand(2, 1, 12, 20)}, torch.tensor([1, 3]), attacks="gauss_newton(steps=5)", seconds=20)
    assert [one["name"] for one in found.reasons] == ["dropout"] and net.training
    assert found.risk["n"] == 2 * 240 and found.ideal.shape == found.truth.shape == (2, 1, 12, 20)
    assert len(found.strongest.psnr) == 2 and any("mean less" in one for one in found.advice)


def test_two_inputs_of_different_scales_and_a_known_one():
    net, ward = TwoInputs().double(), torch.tensor([1, 3])
    age, scan = 40 + 10 * torch.rand(2, 5, dtype=torch.float64), torch.rand(2, 2, 3, dtype=torch.float64)
    label = torch.tensor([0, 2])
    found = invviz.audit(
        net, {"age": age, "scan": scan, "ward": ward}, label, bounds={"age": (0.0, 120.0)}, attacks="dlg(steps=20)", seconds=20
    )
    parts = [
        by_hand(lambda_net(net, lambda v: {"age": v, "scan": scan, "ward": ward}), age, lambda out: nn.functional.cross_entropy(out, label))
        * 120,
        by_hand(
            lambda_net(net, lambda v: {"age": age, "scan": v, "ward": ward}), scan, lambda out: nn.functional.cross_entropy(out, label)
        ),
    ]
    values = np.linalg.svd(torch.cat(parts, 1).detach().numpy(), compute_uv=False)
    assert np.allclose(found.risk["singular_values"], values, rtol=1e-8)
    assert found.findings.facts["inputs"]["ward"] == {"shape": [2], "dtype": "int64", "private": False}
    assert found.truth.shape == (2, 1, 1, 11) and np.allclose(found.truth[:, 0, 0, :5], age / 120)
    assert len(found.strongest.psnr) == 2


def lambda_net(net, inputs):
    """The module as a function of one tensor."""

    class One:
        parameters = staticmethod(net.parameters)

        def __call__(self, v):
            return net(**inputs(v))

    return One()


class Attentive(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter, self.block, self.head = nn.Linear(3, 8), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.block(self.enter(x)).mean(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.LSTM(3, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.body(x)[0][:, -1])


@pytest.mark.parametrize("kind", [Attentive, Recurrent])
def test_attention_and_recurrent_layers_in_single_precision(kind, monkeypatch):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    net, x, label = kind().eval(), torch.rand(2, 5, 3), torch.tensor([0, 1])
    found = invviz.audit(net, x, label, attacks="none")
    assert torch.backends.mkldnn.enabled and torch.backends.mha.get_fastpath_enabled()
    twin = kind().double().eval()
    twin.load_state_dict(net.state_dict())
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    with sdpa_kernel(SDPBackend.MATH):
        dense = by_hand(twin, x.double(), lambda out: nn.functional.cross_entropy(out, label))
    values = np.linalg.svd(dense.detach().numpy(), compute_uv=False)
    assert np.allclose(found.risk["singular_values"], values, rtol=1e-3, atol=1e-5 * values[0])


def test_of_each_record_it_is_said_what_guessing_gets():
    x = torch.stack([torch.full((6,), 0.5), torch.ones(6)])
    found = invviz.risk(Tied(), x, torch.tensor([0, 1]))
    assert {row.record: row.blind_psnr for row in found.records} == {0: 200.0, 1: pytest.approx(20 * math.log10(2))}


def test_what_is_public_is_not_differentiated_by():
    net = TwoInputs().double()
    batch = {"age": torch.rand(2, 5).double(), "scan": torch.rand(2, 2, 3).double(), "ward": torch.tensor([0, 1])}
    assert invviz.risk(net, batch, torch.tensor([0, 1])).risk["n"] == 22
    assert invviz.risk(net, batch, torch.tensor([0, 1]), public=["scan"]).risk["n"] == 10


def test_json_validates_and_the_report_is_made_of_it_alone(tmp_path):
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3))
    x = torch.rand(2, 1, 4, 4)
    for settings in ({"defense": "local_dp"}, {"attacks": "none"}, {"attacks": "dlg(steps=2)", "method": "sketch"}):
        found = invviz.audit(net, x, torch.tensor([2, 0]), seconds=3, **settings)
        told = json.loads(json.dumps(found.to_json(), allow_nan=False))
        jsonschema.validate(told, schema())
        page = to_html(told)
        found.report(tmp_path / "audit.html")
        assert (tmp_path / "audit.html").read_text() == page
        assert "No successful attack is no evidence" in page and "Art. 35(7)(c)" in page and told["facts"]["hashes"]["model"] in page
        assert "data:image" not in page and "<script" not in page and " nan" not in page.lower()
        found.report(tmp_path / "audit.csv")
        assert list(found.rows()["record"]) == [row.record for row in found.records]
        assert len((tmp_path / "audit.csv").read_text().splitlines()) == 3
        assert len(found.plot().data) == 2 and str(found)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**told, "records": [{"record": 0}]}, schema())
    with pytest.raises(InvvizError, match=r"ends with \.html"):
        found.report(tmp_path / "audit.pdf")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"batch": torch.rand(2, 6), "targets": torch.rand(2, 3)}, "Say loss="),
        ({"batch": torch.rand(2, 6)}, "No targets"),
        ({"batch": torch.rand(2, 6), "targets": torch.tensor([0])}, "2 records and"),
        ({"batch": torch.full((2, 6), math.nan), "targets": torch.tensor([0, 1])}, "not finite"),
        ({"batch": torch.tensor([[1, 2], [3, 4]]), "targets": torch.tensor([0, 1])}, "one-hot"),
        ({"batch": torch.rand(2, 6), "targets": torch.tensor([0, 1]), "bounds": (1.0, 0.0)}, "a least value and a greater one"),
        ({"batch": torch.rand(2, 6), "targets": torch.tensor([0, 1]), "bounds": {"y": (0, 1)}}, "the private inputs are input"),
        ({"batch": torch.rand(2, 6), "targets": torch.tensor([0, 1]), "public": ["y"]}, "the inputs are|which are input"),
        ({"batch": torch.rand(2, 6), "targets": torch.tensor([0, 1]), "defense": "gausian_noise"}, "Did you mean gaussian_noise"),
        ({"batch": torch.rand(2, 6), "targets": torch.tensor([0, 1]), "attacks": "dgl"}, "Did you mean dlg"),
        ({"batch": torch.rand(2, 6), "targets": torch.tensor([0, 1]), "protocol": "vfl"}, "Allowed is 'hfl'"),
        ({"batch": torch.rand(2, 6), "targets": torch.tensor([0, 1]), "prior": "dataset"}, "'natural' for pictures"),
        ({"batch": torch.rand(2, 6), "targets": torch.tensor([0, 1]), "seconds": 0}, "above 0"),
        ({"batch": {"y": torch.rand(2, 6)}, "targets": torch.tensor([0, 1])}, "does not take this batch"),
    ],
)
def test_what_does_not_fit_is_said_in_words(given, words):
    with pytest.raises(InvvizError, match=words):
        invviz.audit(Tied(), **{"attacks": "none", **given})


def test_a_net_that_cannot_be_audited_says_why():
    with pytest.raises(NotAuditable, match="requires_grad") as told:
        invviz.audit(Tied().requires_grad_(False), torch.rand(1, 6), torch.tensor([0]))
    assert told.value.reasons[0].name == "no_gradients"


def test_an_attack_that_breaks_off_is_a_finding_not_the_end():
    found = invviz.audit(Tied(), torch.rand(2, 6), torch.tensor([0, 1]), attacks=["peeling", "plug_and_play", "dlg(steps=3)"], seconds=10)
    assert found.strongest.attack.startswith("dlg") and [bool(one.psnr) for one in found.attacks] == [True, False, False]
    assert all(one.error for one in found.attacks[1:])


def test_time_is_kept_and_said():
    found = invviz.audit(
        GreyNet(),
        torch.rand(1, 1, 12, 20),
        torch.tensor([0]),
        attacks="dlg(steps=100000,restarts=10,tolerance=0.0)",
        seconds=0.5,
        method="quick",
    )
    assert found.strongest.stopped and found.strongest.seconds < 5
    assert any("end of its time" in one for one in found.advice)


def test_epsilon_and_its_assumptions():
    settings = {"attacks": "none"}
    net, x, y = Tied(), torch.rand(2, 6), torch.tensor([0, 1])
    local = invviz.audit(net, x, y, defense="local_dp(epsilon=3.0)", **settings)
    assert local.epsilon == 3 and local.budget.delta == 1e-5 and any("add up" in one for one in local.budget.assumptions)
    assert invviz.audit(net, x, y, defense="gaussian_noise", **settings).budget.promise == "none"
    unknown = invviz.audit(net, x, y, defense="dp_sgd", **settings)
    assert unknown.epsilon is None and unknown.budget.promise != "none" and any("epsilon is not known" in one for one in unknown.advice)
    one = invviz.audit(net, x, y, defense="dp_sgd(noise_multiplier=2.0,sample_rate=1.0,steps=1)", **settings)
    from scipy.stats import norm

    reached = norm.cdf(1 / 4 - one.epsilon * 2) - math.exp(one.epsilon) * norm.cdf(-1 / 4 - one.epsilon * 2)  # balle2018analytic, theorem 8
    assert reached == pytest.approx(1e-5, rel=1e-3)


def test_least_noise_keeps_the_wanted_ceiling():
    net, x, y = Tied(), torch.rand(2, 6), torch.tensor([0, 1])
    found = invviz.audit(net, x, y, attacks="none", ceiling=20.0)
    assert found.least_noise.sigma > 0
    again = invviz.audit(net, x, y, attacks="none", defense=found.least_noise.defense)
    assert 19.99 < max(row.ideal_psnr for row in again.records) <= 20.0  # of the most exposed record
    weaker = invviz.audit(net, x, y, attacks="none", defense=f"gaussian_noise(sigma={found.least_noise.sigma * 0.9})")
    assert max(row.ideal_psnr for row in weaker.records) > 20.0


def test_importing_the_package_does_no_work():
    import subprocess
    import sys

    code = "import sys, invviz; assert not {'torch', 'scipy', 'pandas', 'plotly', 'invviz.engine'} & set(sys.modules), 'work'; invviz.audit; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert callable(invviz.risk) and callable(invviz.audit) and dataclasses.is_dataclass(invviz.Audit)
