"""Noise in the range of the Jacobian hides nothing by itself: the search for picture and noise together, and where it ends."""

import dataclasses
from pathlib import Path

import pytest
import torch

from invviz.attacks._fit import Fit
from invviz.attacks._matching import Watch, in_double
from invviz.attacks._tangent import Projected
from invviz.attacks.tangent import Tangent, _error, _texture
from invviz.core.component import parse_component
from invviz.core.rng import stream
from invviz.defenses import DEFENSES
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.engine.summary import caveats
from invviz.scenario import Scenario, problems
from invviz.scenario.families.defenses import solved_for

SITE = Site(None, Path("/nonexistent"), "cpu")
VICTIM = "data=digits&model=lenet(width=6)&seed=7&attack=tangent(restarts=2)&attacker=aware"


def attacked(extra, victim=VICTIM):
    return run(Scenario.parse(f"{victim}&{extra}"), SITE)


def posed(text):
    """The least squares problem that a scenario poses to the attacker, in float64."""
    scenario = Scenario.parse(text)
    obs = in_double(observe(scenario, meet_client(scenario, SITE)))
    return Fit.of(dataclasses.replace(obs, whiten=None, noise=0.0), obs.template.label)


@pytest.mark.parametrize(
    ("defense", "width"), [("invl_gnp(scale=0.2)", 6), ("invl_gnp(scale=10.0)", 3), ("water_filling(sigma=0.3,cost='energy')", 6)]
)
def test_noise_along_the_jacobians_directions_is_solved_for(defense, width):
    result = attacked(f"defense={defense}&dtype=float64", VICTIM.replace("width=6", f"width={width}"))
    assert result.scores["psnr"][0] > 100
    assert result.note.startswith("Exact") and not result.failed


def test_single_precision_is_read_too_and_its_error_is_stated():
    result = attacked("defense=invl_gnp&dtype=float32")
    assert result.scores["psnr"][0] > 60
    assert "Exact" in result.note
    stated = float(result.note.split("about ")[1].split(" dB")[0])
    assert stated < result.scores["psnr"][0] + 10  # to first order; never far above what was reached


def test_slope_and_curvature_are_those_of_the_objective_with_the_best_d():
    fit = posed("data=digits&model=lenet(width=3)&seed=3&attack=tangent&attacker=aware&defense=invl_gnp&dtype=float64")
    watch = Watch(lambda step: True, 100)
    z = 0.3 * torch.randn(fit.size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    at = Projected(fit, watch, z, torch.zeros_like(z), weight=1e-3)
    at._settle(z)

    def objective(point):  # independent: the dense Jacobian by rows, and least squares by the library
        jacobian = torch.func.jacrev(fit.map)(point)
        left = fit.target - fit.map(point)
        rest = left - jacobian @ torch.linalg.lstsq(jacobian, left[:, None]).solution[:, 0]
        return float(rest.square().sum()) + 1e-3 * float(at._roots(point).square().sum())

    assert at.objective == pytest.approx(objective(z), rel=1e-8)
    slope, curvature = at.curvature()
    for seed in range(3):
        v = torch.randn(fit.size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        change = (objective(z + 1e-5 * v) - objective(z - 1e-5 * v)) / 2e-5
        assert -2 * float(slope @ v) == pytest.approx(change, rel=1e-3)
    values = torch.linalg.eigvalsh(curvature)
    assert values[0] > 0
    multiplied = at._multiplied()  # the way of many unknowns
    prior = at._prior
    assert torch.allclose(multiplied, curvature - 1e-3 * (prior.T @ prior), rtol=0, atol=1e-9 * float(multiplied.abs().max()))
    trial = z + 1e-2 * v
    assert at._objective(trial) == pytest.approx(objective(trial), rel=1e-6)  # by conjugate gradients with the factor of another point


@pytest.mark.parametrize("cut, numbers, words", [(2, 48, "nothing is left for the picture"), (1, 96, "picture and noise are 128 unknowns")])
def test_fewer_numbers_than_unknowns_get_no_certificate(cut, numbers, words):
    width = numbers // {1: 16, 2: 4}[cut]
    result = attacked(
        f"defense=invl_enp&dtype=float64&protocol=vfl(parties=1,cut={cut})",
        VICTIM.replace("width=6", f"width={width}").replace("restarts=2", "restarts=1"),
    )
    assert f"{numbers} numbers came" in result.note and words in result.note
    assert "Exact" not in result.note


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_directions_in_which_noise_makes_up_for_the_picture_are_counted_and_get_no_certificate(dtype):
    """A first layer of 16 neurons does not see 48 of 64 directions: of its weights' gradient delta (x + d)^T nobody tells x from d there."""
    victim = "data=digits(index=3)&model=mlp(width=16,act='tanh')&attack=tangent(restarts=1)&attacker=aware"
    result = attacked(f"defense=invl_gnp&dtype={dtype}", victim)
    assert result.scores["psnr"][0] < 30  # the message is explained by another picture; which one hangs on rounding
    assert not result.note.startswith("Exact")
    if dtype == "float64" and "left unexplained" in result.note:
        return  # on some processors it stops some 1e-13 short; then nothing is counted, nor certified
    assert "explained to its rounding" in result.note and "does not determine the picture" in result.note
    free = int(result.note.split("along ")[1].split(" of 64")[0])
    assert 48 <= free <= 50


def test_a_prior_is_no_evidence_of_an_answer():
    """A search that ran out of steps under a heavy prior: the prior's curvature does not count."""
    fit = posed("data=digits(index=3)&model=mlp(width=16,act='tanh')&attack=tangent&attacker=aware&defense=invl_gnp&dtype=float64")
    at = Projected(fit, Watch(lambda step: True, 100), _texture(fit, torch.Generator().manual_seed(0)), torch.zeros(fit.size).double())
    for weight in (1e-2, 1e-4, 1e-6, 1e-9, 0.0):
        at.descend(weight, 1e-20)
    at.weight = 1.0
    note, sure, error = Tangent()._verdict(fit, at, 0.0, torch.finfo(torch.float32).eps)
    assert "noise makes up for any change" in note and not sure and error == 0


def test_isotropic_noise_beneath_is_met_by_the_prior_and_said():
    result = attacked("defense=gaussian_noise(sigma=0.1)&defense=invl_gnp&dtype=float64", VICTIM.replace("restarts=2", "restarts=1"))
    assert "Isotropic noise lies beneath" in result.note and "Exact" not in result.note
    assert result.scores["psnr"][0] < 60


def test_noise_that_nobody_stated_gets_no_certificate():
    scenario = Scenario.parse(f"{VICTIM}&defense=invl_gnp&dtype=float64".replace("restarts=2", "restarts=1"))
    obs = observe(scenario, meet_client(scenario, SITE))
    spoilt = {name: leaf + 1e-4 * leaf.abs().mean() * torch.randn_like(leaf) for name, leaf in obs.message.items()}
    found = scenario.attack.reconstruct(dataclasses.replace(obs, message=spoilt), stream(0, "attack"), lambda step: True)
    assert "Exact" not in found.note and "left unexplained" in found.note


def test_textures_have_the_coordinates_of_their_pictures():
    fit = posed(f"{VICTIM}&defense=invl_gnp&dtype=float64")
    z = _texture(fit, torch.Generator().manual_seed(0))
    picture = fit.picture(z)
    assert 0.1 < float((picture - 0.5).std()) < 0.5


def test_the_stated_error_is_that_of_the_pixels():
    fit = posed(f"{VICTIM}&defense=invl_gnp&dtype=float64")
    basis = torch.stack([(fit.picture(v) - fit.picture(0 * v)).flatten() for v in torch.eye(fit.size, dtype=torch.float64)], 1)
    root = torch.randn(fit.size, fit.size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    curvature = root @ root.T + torch.eye(fit.size)
    covariance = basis @ torch.linalg.inv(curvature) @ basis.T * 1e-6
    wanted = -10 * torch.log10(covariance.diagonal().mean())
    assert _error(curvature, 1e-6, fit) == pytest.approx(float(wanted), abs=1e-6)


def test_what_it_needs_is_said():
    assert any("none here" in words for words in problems(Scenario.parse(f"{VICTIM}&defense=gaussian_noise")))
    assert any("attacker=aware" in words for words in problems(Scenario.parse("data=digits&model=lenet&attack=tangent&defense=invl_gnp")))
    assert not problems(Scenario.parse(f"{VICTIM}&defense=invl_gnp"))


def test_it_stops_when_asked():
    scenario = Scenario.parse(f"{VICTIM}&defense=invl_gnp")
    obs = observe(scenario, meet_client(scenario, SITE))
    count = 0

    def progress(step):
        nonlocal count
        count += 1
        return count < 3

    found = scenario.attack.reconstruct(obs, stream(0, "attack"), progress)
    assert found.stopped and count == 3


def test_the_score_says_that_such_noise_is_no_bound():
    for defense, no_bound in {"invl_gnp": True, "water_filling": True, "optimal_noise": False, "gaussian_noise": False}.items():
        said = " ".join(caveats(Scenario.parse(f"data=digits&model=lenet&defense={defense}")))
        assert ("attack tangent" in said) == no_bound


def test_a_comparison_names_the_defenses_that_may_be_solved_for():
    named = ["invl_gnp", "invl_gnp(scale=0.0)", "water_filling", "optimal_noise", "gaussian_noise"]
    stacks = [(), *((parse_component(text, DEFENSES, "defense"),) for text in named)]
    assert solved_for(stacks) == ["InvL-GNP", "Water-filling"]
    assert solved_for([(*stacks[1], *stacks[5])]) == []  # isotropic noise lies over it


def test_a_start_at_the_negative_reads_what_the_first_took_for_its_negative():
    victim = (
        "data=digits(index=37)&model=convnet(width=4,act='tanh')&seed=1&attack=tangent(restarts=2,steps=35)&attacker=aware&dtype=float64"
    )
    scenario = Scenario.parse(f"{victim}&defense=invl_gnp(scale=4.573)")  # net and strength of the equal-cost study
    client, steps = meet_client(scenario, SITE), []
    found = scenario.attack.reconstruct(observe(scenario, client), stream(scenario.seed, "attack"), lambda step: steps.append(step) or True)
    truth = client.batch.image
    first = [-10 * float((step.guess - truth).square().mean().log10()) for step in steps if step.restart == 0]
    assert len(first) > 10 and max(first) < 20 and min(step.loss for step in steps if step.restart == 0) > 1e-4, "one start alone fails"
    assert -10 * float((found.batch.image - truth).square().mean().log10()) > 100 and "Exact" in found.note and not found.failed


def test_where_a_start_ends_beside_the_picture_it_goes_on_at_its_mirror():
    """x + 2d with noise -d gives the same message to second order; behind weak noise that is where one start ends (47 dB), and from there the picture is a few steps away."""
    victim = "data=digits(index=102)&model=mlp(width=80,act='tanh')&seed=360&attack=tangent(restarts=1)&attacker=aware&dtype=float64"
    fit = posed(f"{victim}&defense=invl_gnp(scale=0.0517)")
    x, d = 0.3 * torch.randn(2, fit.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def apart(size):
        step = size * d
        sent, mirrored = (fit.map(z) + torch.func.jvp(fit.map, (z,), (moved,))[1] for z, moved in ((x, step), (x + 2 * step, -step)))
        return float((sent - mirrored).norm())

    assert apart(1e-2) / apart(1e-3) == pytest.approx(1e3, rel=0.05)  # what is left is of third order
    found = attacked("defense=invl_gnp(scale=0.0517)", victim)
    assert found.scores["psnr"][0] > 100 and found.note.startswith("Exact")


def test_a_search_that_leaves_all_bounds_ends_in_words():
    """Behind kinks it may run into numbers that are not finite: no eigenvalues are asked of them, and another start may do better."""
    result = attacked(
        "defense=invl_gnp(scale=0.0589)",
        "data=digits(index=178)&model=convnet(width=4)&attack=tangent(restarts=2)&attacker=aware&seed=468&dtype=float64",
    )
    assert result.failed and "Not exact" in result.note and "nan" not in result.note
    assert torch.isfinite(torch.as_tensor(result.scores["psnr"])).all()
