"""What an attacker gets who solves for noise in the tangent space, against the exact Fisher information and against the attack itself."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.core.tree import flatten
from invviz.core.types import Batch
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.summary import risk_summary
from invviz.risk import TAU, Banded, Directions, Jacobian, Prior, psnr_solved
from invviz.scenario import Scenario

SITE = Site(None, Path("/nonexistent"), "cpu")
TEXT = "data=digits(index={})&model=convnet(width=2,act='tanh')&seed={}&dtype=float64"


def posed(index=0, seed=0):
    scenario = Scenario.parse(TEXT.format(index, seed))
    client = meet_client(scenario, SITE)
    jacobian = Jacobian.of(client.bare, client.net, client.batch)
    directions = Directions.of(jacobian)
    variances = torch.where(torch.arange(len(directions.values)) < 20, 1e-3, 0.0).double()
    return scenario, client, jacobian, Banded(directions, variances)


def exact(client, colour, sigmas):
    """The Fisher information of N(G(x), sigma^2 I + J(x) A J(x)^T) with A held, at every sigma, by dense matrices and derivatives of the library."""
    send = lambda x: flatten(client.bare(client.net, Batch.of(x.view_as(client.batch.image), client.batch.label), None))  # noqa: E731
    x = client.batch.image.flatten()
    jacobian = torch.func.jacfwd(send)(x)
    second = torch.func.jacfwd(torch.func.jacfwd(send))(x)
    steps = colour.variances / colour.directions.values.square()
    a = colour.directions.right @ torch.diag(torch.where(colour.variances > 0, steps, 0.0)) @ colour.directions.right.T
    moves = torch.stack([second[:, :, k] @ a @ jacobian.T for k in range(len(x))])
    for sigma in sigmas:
        inverse = torch.linalg.inv(sigma**2 * torch.eye(len(jacobian)) + jacobian @ a @ jacobian.T)
        half = inverse @ (moves + moves.mT)
        yield jacobian.T @ inverse @ jacobian + 0.5 * half.flatten(1) @ half.mT.flatten(1).T


def decibels(information):
    return -10 * math.log10(float(torch.linalg.inv(torch.eye(len(information)) / TAU**2 + information).diagonal().mean()))


def test_it_is_the_fisher_information_of_noise_whose_covariance_moves_with_the_picture():
    scenario, client, jacobian, colour = posed()
    prior = Prior("white", scenario.shape, 1, None)
    rows, root = jacobian.dense(), lambda sigma: (sigma**2 + colour.variances).sqrt()
    sigmas = (1e-5, 3e-4)
    for sigma, information in zip(sigmas, exact(client, colour, sigmas), strict=True):
        straight = rows.T @ (rows @ colour.directions.right / colour.directions.values) / root(sigma)
        known, wanted = decibels(straight @ straight.T), decibels(information)
        found = psnr_solved(jacobian, colour, sigma, prior)
        assert known + 3 < wanted  # the score that takes the shape for known and no more
        # never more than the information gives; the error's mean over draws is larger than that of the mean information (Jensen), and what moves inside is left out
        assert known + 0.5 * (wanted - known) < found < wanted + 0.1


def test_loud_isotropic_noise_leaves_nothing_to_solve():
    scenario, _, jacobian, colour = posed()
    prior = Prior("white", scenario.shape, 1, None)
    plain = decibels(jacobian.dense().T @ jacobian.dense() / 1.0)
    assert psnr_solved(jacobian, colour, 1.0, prior) == pytest.approx(plain, abs=0.3)


@pytest.mark.parametrize("share", [0.003, pytest.param(0.03, marks=pytest.mark.slow)])
def test_tangent_search_gets_about_that(share):
    reached, said = [], []
    for k in range(2):
        text = TEXT.format(37 * k, k).replace("width=2", "width=4") + f"&defense=gaussian_noise(sigma={share})&defense=invl_gnp&floor=0.0"
        assessed = assess(Scenario.parse(text + "&method=quick"), SITE)
        summary = risk_summary(Scenario.parse(text), assessed.decomposition, assessed.size, assessed.stages, None, assessed.solved)
        assert summary["psnr_solved"] > summary["psnr_ceiling"] + 5 and any(
            "who solves for it gets about" in words for words in summary["caveats"]
        )
        said.append(summary["psnr_solved"])
        reached.append(float(run(Scenario.parse(text + "&attack=tangent&attacker=aware"), SITE).scores["psnr"][0]))
    assert (
        np.mean(said) - 4 < np.mean(reached) < np.mean(said) + 6
    )  # one draw of noise each; the search has a natural prior, the score a white one


@pytest.mark.parametrize("defense", ["gaussian_noise", "invl_dnp", "optimal_noise", "invl_gnp(scale=0.0)"])
def test_where_there_is_nothing_to_solve_it_says_nothing(defense):
    assessed = assess(Scenario.parse(TEXT.format(0, 0) + f"&defense={defense}&method=quick"), SITE)
    assert assessed.solved is None
