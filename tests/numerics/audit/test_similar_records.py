"""Public records of the same kind that the user hands over: the law that an attacker learns from them is the house's own, and attacks that need them run."""

import numpy as np
import pytest
import torch
from torch import nn

import invviz
from invviz.core.errors import InvvizError, ScenarioError
from invviz.engine.assess import assess
from invviz.engine.client import Site, meet_client
from invviz.engine.summary import risk_summary
from invviz.scenario import Scenario

NOISE = "gaussian_noise(sigma=1.0)"
SITE = Site.from_env()


def test_the_numbers_are_those_of_a_scenario_whose_public_records_they_are():
    scenario = Scenario.parse(
        "data=digits(index=5)&model=mlp&dtype=float64&prior=dataset&method=exact&seed=7&defense=gaussian_noise(sigma=1.0)"
    )
    client = meet_client(scenario, SITE)
    found = assess(scenario, SITE, client=client)
    expected = risk_summary(scenario, found.decomposition, found.size, found.stages)
    module = client.net.module.requires_grad_(True)
    public = client.samples.public.take(range(len(client.samples.public)))
    mine = invviz.risk(
        module,
        client.batch.private,
        client.batch.label,
        similar=torch.as_tensor(public[0]),
        prior="dataset",
        method="exact",
        bounds=(0, 1),
        defense=NOISE,
    )
    for name in ("invre", "psnr_ceiling", "invloss"):
        assert mine.risk[name] == pytest.approx(expected[name], rel=1e-6), name
    white = invviz.risk(module, client.batch.private, client.batch.label, method="exact", bounds=(0, 1), defense=NOISE)
    assert abs(white.risk["invre"] - mine.risk["invre"]) > 0.01
    assert mine.to_json()["asked"]["similar"] == len(public[0])
    assert any("public records of the same kind, without their classes" in note for note in mine.findings.notes)


def test_a_law_of_records_on_their_own_scale_against_dense_matrices():
    """Few records with numbers far from 0 and 1: covariance by numpy, Jacobian by torch.func."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    mix = torch.randn(4, 4, dtype=torch.float64)
    draw = lambda n: 10 + 5 * torch.randn(n, 4, dtype=torch.float64) @ mix  # noqa: E731
    low, high = -60.0, 80.0
    public, x, y = draw(50), draw(1), torch.randn(1, 2, dtype=torch.float64)
    noise = "gaussian_noise(sigma=0.3,relative=False)"
    found = invviz.risk(
        net,
        {"input": x},
        y,
        nn.functional.mse_loss,
        similar=public,
        prior="dataset",
        bounds=(low, high),
        defense=noise,
        floor=0.0,
        method="exact",
    )
    params = dict(net.named_parameters())

    def message(unit):
        loss = lambda p: nn.functional.mse_loss(torch.func.functional_call(net, p, (low + (high - low) * unit.reshape(1, 4),)), y)  # noqa: E731
        return torch.cat([g.flatten() for g in torch.func.grad(loss)({k: p.detach() for k, p in params.items()}).values()])

    jacobian = torch.func.jacrev(message)((x.flatten() - low) / (high - low)).numpy()
    rows = ((public - low) / (high - low)).numpy()
    cov = np.cov(rows.T)
    values, vectors = np.linalg.eigh(cov)
    values, vectors = values[::-1], vectors[:, ::-1]
    prior = vectors @ np.diag(values) @ vectors.T
    posterior = np.linalg.inv(np.linalg.inv(prior) + jacobian.T @ jacobian / 0.3**2)
    assert found.risk["invre"] == pytest.approx(1 - np.trace(posterior) / np.trace(prior), rel=1e-4)


def test_attacks_that_learn_from_public_records_run_with_them_and_say_what_they_lack_without():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sigmoid(), nn.Flatten(), nn.Linear(4 * 36, 3))
    x, y, public, classes = torch.rand(1, 1, 8, 8), torch.tensor([1]), torch.rand(40, 1, 8, 8), torch.arange(40) % 3
    ask = {"attacks": "pca_prior(steps=5,components=8)", "seconds": 20, "method": "quick"}
    assert "give some as similar=" in invviz.audit(net, x, y, **ask).attacks[0].error
    assert "similar=(records, class numbers)" in invviz.audit(net, x, y, similar=public, **ask).attacks[0].error
    found = invviz.audit(net, x, y, similar=(public, classes), **ask)
    assert len(found.attacks[0].psnr) == 1
    assert "public data" in found.attacks[0].given
    tried = [one.attack for one in invviz.audit(net, x, y, similar=(public, classes), seconds=1, method="quick").attacks]
    assert any("pca_prior" in one for one in tried)
    assert not any("pca_prior" in one.attack for one in invviz.audit(net, x, y, seconds=1, method="quick").attacks)


NET, X, Y = nn.Linear(4, 2), torch.rand(1, 4), torch.tensor([0])


@pytest.mark.parametrize(
    "similar, words",
    [
        (torch.rand(7, 4), "8 or more"),
        (torch.rand(9, 5), r"shape \(9, 5\)"),
        (torch.ones(9, 4, dtype=torch.int64), "real numbers"),
        (torch.full((9, 4), float("nan")), "not finite"),
        ({"other": torch.rand(9, 4)}, "has to hold the private inputs, input"),
        ((torch.rand(9, 4), torch.zeros(8, dtype=torch.int64)), "one whole number for each"),
    ],
)
def test_what_are_no_records_of_the_same_kind_is_refused(similar, words):
    with pytest.raises(InvvizError, match=words):
        invviz.risk(NET, X, Y, similar=similar)


def test_a_prior_of_public_records_needs_some():
    with pytest.raises(ScenarioError, match="Give some as similar="):
        invviz.risk(NET, X, Y, prior="dataset")
