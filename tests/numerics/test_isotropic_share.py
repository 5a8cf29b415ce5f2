"""A share of noise along the Jacobian's directions that is isotropic: what 0 and 1 mean, who can still solve for the rest, and which share is chosen."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.attacks._coloured_map import Place, fits
from invviz.cli import main
from invviz.core.errors import InvvizError, ScenarioError
from invviz.core.rng import stream
from invviz.core.tree import flatten
from invviz.core.types import Size
from invviz.defenses import DEFENSES, InvLGNP, Kept, WaterFilling
from invviz.engine import bounds
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.isotropic_share import SHARES, choose
from invviz.engine.observe import observe
from invviz.engine.summary import caveats, risk_summary
from invviz.risk import Banded, Directions, Jacobian, Prior, psnr_solved
from invviz.risk.noise_covariance import unit_noise
from invviz.scenario import Scenario, problems

torch.set_num_threads(1)
SITE = Site(None, Path("/nonexistent"), "cpu")
NET = "data=digits&model=convnet(width=4,act='tanh')&seed=3&dtype=float64"
HAVE_IT = ("invl_gnp", "invl_enp", "water_filling")


def scenario(defense, more=""):
    return Scenario.parse(f"{NET}{more}&defense={defense}")


def risk(defense, more=""):
    asked = scenario(defense, f"&method=quick{more}")
    found = assess(asked, SITE)
    return risk_summary(asked, found.decomposition, found.size, found.stages, None, found.solved), found


# ---------------------------------------------------------------- 0: as published


def test_three_defenses_have_the_knob_and_its_default_moves_no_key():
    having = {name: k for name, kind in DEFENSES.items() for k in kind.knobs() if k.name == "isotropic"}
    assert set(having) == set(HAVE_IT) and all((k.default, k.low, k.high, k.late) == (0.0, 0.0, 1.0, True) for k in having.values())
    for name in HAVE_IT:
        kind = DEFENSES[name]
        assert "isotropic" not in kind().text(full=True) and kind(isotropic=0.0) == kind()
        assert "isotropic=0.5" in kind(isotropic=0.5).text()
    plain, other = scenario("invl_gnp", "&attacker=aware"), scenario("invl_gnp(isotropic=0.5)", "&attacker=aware")
    assert all(plain.key(kind) != other.key(kind) for kind in ("run", "risk", "train"))


@pytest.mark.parametrize("defense", [InvLGNP(scale=2.0), WaterFilling(sigma=0.3, cost="energy")])
def test_at_0_the_message_is_bit_for_bit_the_published_one(defense):
    client = meet_client(scenario("invl_gnp"), SITE)
    bare, found = client.bare(client.net, client.batch, None), defense.basis(client.bare, client.world, client.batch)
    directions, variances = getattr(found, "directions", found), defense.covariance(found).variances
    amounts = variances.sqrt() * unit_noise(variances, stream(5, "noise"), "laplace")
    steps = torch.where(variances > 0, amounts / directions.values.where(variances > 0, 1.0), 0.0)
    written = flatten(bare) + directions.jacobian.matvec(directions.right @ steps)
    rng = stream(5, "noise")
    sent = flatten(defense.wrap(client.bare, client.world)(client.net, client.batch, rng))
    assert torch.equal(sent, written)
    same = stream(5, "noise")
    unit_noise(variances, same, "laplace")
    assert torch.equal(rng.get_state(), same.get_state()), "not one number more was drawn"


# ---------------------------------------------------------------- 1: plain Gaussian noise


@pytest.mark.parametrize("defense", [InvLGNP(scale=2.0, isotropic=1.0), WaterFilling(sigma=0.3, isotropic=1.0)])
@pytest.mark.parametrize("prior", ["white", "natural"])
def test_at_1_it_is_gaussian_noise_of_the_same_energy(defense, prior):
    here, assessed = risk(defense.text(), f"&prior={prior}")
    energy = assessed.cost[0]
    plain, _ = risk(f"gaussian_noise(sigma={energy**0.5!r})", f"&prior={prior}")
    for name in ("psnr_ceiling", "invre", "invloss"):
        assert here[name] == pytest.approx(plain[name], rel=1e-9)
    assert assessed.cost[1] == pytest.approx(energy, rel=1e-12), "and it harms as much"
    assert assessed.solved is None
    assert not {"noise in the tangent space", "shape of the noise", "Laplace noise"} & set(here["bound_reasons"])
    assert "relative noise" in here["bound_reasons"] and not any("solve for" in words or "shape" in words for words in here["caveats"])
    assert problems(scenario(defense.text(), "&attack=tangent&attacker=aware")), "there is nothing to solve for"


def test_at_1_what_is_sent_and_what_an_aware_attacker_takes_it_for():
    asked = scenario("invl_gnp(scale=2.0,isotropic=1.0)", "&attacker=aware")
    client = meet_client(asked, SITE)
    bare = flatten(client.bare(client.net, client.batch, None))
    energy = float(InvLGNP(scale=2.0).covariance(InvLGNP().basis(client.bare, client.world, client.batch)).energy)
    rng = stream(0, "many")
    noise = torch.stack([flatten(client.release(client.net, client.batch, rng)) - bare for _ in range(40)]).numpy()
    z = noise / (energy / len(bare)) ** 0.5
    assert z.std() == pytest.approx(1, abs=0.02) and abs((z**4).mean() / 3 - 1) < 0.1
    obs = observe(asked, client)
    assert obs.sigma_beneath is None and obs.whiten is not None
    assert obs.noise == pytest.approx((energy / len(bare)) ** 0.5, rel=0.25)  # the band at a grey picture is not quite as wide
    assert torch.equal(flatten(obs.whiten(obs.message)), flatten(obs.message)), "no direction counts less than another"


# ---------------------------------------------------------------- between


@pytest.mark.parametrize("share", [0.1, 0.7])
def test_an_aware_attacker_is_told_how_much_lies_beneath(share):
    for defense in (InvLGNP(scale=2.0, isotropic=share), WaterFilling(sigma=0.3, cost="energy", isotropic=share)):
        asked = scenario(defense.text(), "&attacker=aware")
        client = meet_client(asked, SITE)
        true = defense.covariance(defense.basis(client.bare, client.world, client.batch)).even
        obs = observe(asked, client)
        assert obs.sigma_beneath == pytest.approx(true**0.5, rel=0.25) and obs.noise > obs.sigma_beneath
        under = observe(asked.replace(defense=(DEFENSES["gaussian_noise"](sigma=1.0), defense)), client)
        assert under.sigma_beneath > obs.sigma_beneath


def test_what_a_solver_gets_counts_it_as_noise_beneath():
    client = meet_client(scenario("invl_gnp"), SITE)
    jacobian = Jacobian.of(client.bare, client.net, client.batch)
    directions, prior = Directions.of(jacobian), Prior("white", (1, 8, 8), 1, None)
    variances = torch.where(torch.arange(64) < 20, 1e-3, 0.0).double()
    size = Size.of(jacobian.message).rms
    mixed = psnr_solved(jacobian, Banded(directions, variances, (0.3 * size) ** 2), 0.4 * size, prior)
    assert mixed == pytest.approx(psnr_solved(jacobian, Banded(directions, variances), 0.5 * size, prior), abs=1e-9)
    assert psnr_solved(jacobian, Banded(directions, 0 * variances, 1.0), 0.1, prior) is None, "no shape, nothing to solve"


def test_words_on_both_sides():
    between = scenario("invl_gnp(isotropic=0.25)")
    names = {one.name for one in bounds.reasons(between)}
    assert {"noise in the tangent space", "shape of the noise", "Laplace noise"} <= names
    said = " ".join(caveats(between))
    assert "75 % of invl_gnp's noise lies in the directions" in said and "The other 25 % are isotropic" in said and "120 of 120" not in said
    assert "120 of 120" in " ".join(caveats(scenario("invl_gnp")))
    assert not problems(scenario("invl_gnp(isotropic=0.25)", "&attack=tangent&attacker=aware"))


@pytest.mark.parametrize("defense", [InvLGNP(scale=2.0, reuse=5, isotropic=0.4), WaterFilling(reuse=5, isotropic=0.4, cost="energy")])
def test_messages_of_many_clients_at_once_are_those_one_by_one(defense):
    client = meet_client(scenario("invl_gnp"), SITE)
    batches = [dataclasses.replace(client.batch, inputs={"image": client.batch.image * share}) for share in (1.0, 0.8, 0.6)]
    release = defense.wrap(client.bare, client.world)
    alone = [flatten(release(client.net, b, stream(k, "noise"))) for k, b in enumerate(batches)]
    rngs = [stream(k, "noise") for k in range(3)]
    at_once = [flatten(m) for m in defense.messages(client.bare, client.world, Kept(), client.net, batches, rngs)]
    for one, other in zip(alone[1:], at_once[1:], strict=True):  # the first stands on directions of its own when it comes alone
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------- the choice


@pytest.mark.parametrize("defense", ["invl_gnp(scale=3.0)", "water_filling(sigma=0.5,cost='energy')"])
def test_the_share_that_is_chosen_leaves_the_strongest_attacker_least(defense):
    found = choose(scenario(defense, "&floor=0.001"), SITE)
    assert [one.share for one in found.tried] == list(SHARES)
    for place in (0, 4, 9, 12):  # what the score says of the same shares
        one = found.tried[place]
        figures, assessed = risk(scenario(defense).defense[0].replace(isotropic=one.share).text(), "&floor=0.001")
        assert one.known == pytest.approx(figures["psnr_ceiling"], abs=1e-6) and one.solved == pytest.approx(assessed.solved, abs=1e-6)
        assert assessed.cost[0] == pytest.approx(found.energy, rel=1e-6), "all of them cost the same"
    strongest = [one.strongest for one in found.tried]
    assert found.best.strongest < min(strongest) + 0.1 and 0.3 < found.best.share < 1
    assert found.best.strongest < strongest[-1] - 1 < strongest[0], "less than plain noise leaves, and much less than the published one"
    assert f"isotropic={found.best.share:g}: " in found.sentence() and f"{strongest[-1]:.1f} dB at isotropic=1" in found.sentence()
    assert found.to_json()["tried"][3]["strongest"] == strongest[3] and np.isfinite(found.energy)


@pytest.fixture
def few_shares(monkeypatch):
    """Of all shares that are tried, those at which a test looks."""
    return lambda *shares: monkeypatch.setattr("invviz.engine.isotropic_share.SHARES", shares)


def test_loud_noise_is_best_plain(few_shares):
    few_shares(0.0, 0.5, 0.95, 1.0)
    found = choose(scenario("invl_gnp(scale=100.0)"), SITE)
    assert found.best.share == 1.0 and found.best.solved is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{NET}&defense=gaussian_noise", "has no isotropic share"),
        (NET, "Name invl_gnp, invl_enp or water_filling last"),
        (f"{NET}&defense=invl_gnp(scale=0.0)", "a strength that is not 0"),
        ("data=cifar10&model=lenet&defense=invl_gnp", "up to 800 input values.*this batch has 3,072.*isotropic=1"),
        (f"{NET}&defense=invl_gnp&floor=0", "Set floor"),
    ],
)
def test_where_none_is_chosen_it_says_why(text, words):
    with pytest.raises(ScenarioError, match=words):
        choose(Scenario.parse(text), SITE)
    with pytest.raises(InvvizError, match="prior=white"):
        choose(scenario("invl_gnp", "&prior=dataset"), SITE)


def test_the_command_prints_the_scenario_with_the_share_that_is_chosen(capsys, few_shares):
    few_shares(0.0, 0.9, 1.0)
    asked = f"{NET}&defense=water_filling(sigma=0.5,cost='energy',isotropic=0.1)&floor=0.001"
    found = choose(Scenario.parse(asked), SITE)
    assert main(["isotropic", asked, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (
        said["isotropic"] == found.best.share
        and [one["isotropic"] for one in said["tried"]] == [0.0, 0.9, 1.0]
        and "no attack was run" in said["note"]
    )
    assert Scenario.parse(said["scenario"]).defense[-1].isotropic == found.best.share
    assert main(["isotropic", asked]) == 0
    words = capsys.readouterr().out
    assert found.sentence() in words and said["scenario"] in words and words.count("<") == 1
    assert main(["isotropic", f"{NET}&defense=gaussian_noise"]) == 2
    assert "Name invl_gnp, invl_enp or water_filling last" in capsys.readouterr().err


# ---------------------------------------------------------------- who knows the law searches with it


def test_the_searchs_objective_is_that_of_the_dense_covariance():
    asked = scenario("invl_gnp(scale=2.0,isotropic=0.4)", "&attacker=aware")
    client = meet_client(asked, SITE)
    obs = observe(asked, client)
    guess = client.batch.image * 0.9 + 0.03
    there = dataclasses.replace(client.batch, inputs={"image": guess})
    defense = asked.defense[0]
    covariance = defense.covariance(defense.basis(client.bare, client.world, there))
    jacobian = Jacobian.of(client.bare, client.net, there)
    left = np.linalg.svd(jacobian.dense().numpy(), full_matrices=False)[0]
    ratio = obs.sigma_beneath**2 / covariance.even  # its size is what the message tells of it, not what that guess would have
    rest = (flatten(obs.message) - flatten(jacobian.message)).numpy()
    x = guess.flatten().numpy() - 0.5
    smooth = x @ np.linalg.solve(Prior("natural", (1, 8, 8), 1, None).dense(), x)
    for loose in (False, True):
        a = np.full(64, float(covariance.variances.max())) if loose else covariance.variances.numpy()
        sigma = ratio * (left * a) @ left.T + obs.sigma_beneath**2 * np.eye(len(rest))
        place = Place.of(obs, guess, loose)
        assert place.value == pytest.approx(rest @ np.linalg.solve(sigma, rest) + smooth, rel=1e-6)
        here = left * np.sqrt(a * ratio)
        amounts = np.linalg.solve(
            here.T @ here + obs.sigma_beneath**2 * np.eye(64), here.T @ rest
        )  # the likeliest noise, by ridge regression
        np.testing.assert_allclose(jacobian.dense().numpy() @ place.steps.numpy(), here @ amounts, atol=1e-8)
    assert fits(Place.of(obs, client.batch.image)) and not fits(Place.of(obs, obs.grey))


def test_knowing_the_law_reads_about_what_a_solver_is_expected_to_and_no_more_where_noise_is_mostly_isotropic(few_shares):
    few_shares(0.1, 0.9, 1.0)
    text = "data=digits&model=lenet(width=6)&dtype=float64&seed=7&attacker=aware&prior=natural&floor=0.001&attack={}&defense=invl_gnp(scale=2.0,isotropic={})"
    said = {one.share: one for one in choose(Scenario.parse(text.format("dlg", 0.1)), SITE).tried}
    reached = {}
    for attack, share in (("dlg(steps=40,restarts=1)", 0.1), ("dlg(steps=40,restarts=1)", 0.9), ("tangent", 0.1)):
        result = run(Scenario.parse(text.format(attack, share)), SITE)
        reached[attack[:3], share] = result.scores["psnr"][0]
        assert "Part of the noise is isotropic" in result.note and not result.failed and not result.stopped
        assert ("Tangent search went on from there" in result.note) == (attack != "tangent")
    assert said[0.1].known < reached["dlg", 0.1] < said[0.1].solved + 3, "more than who takes the shape for fixed, about what a solver gets"
    assert reached["tan", 0.1] == pytest.approx(reached["dlg", 0.1], abs=0.5), "whatever the start"
    assert reached["dlg", 0.9] < said[0.9].known
