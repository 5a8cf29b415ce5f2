"""What knowing of noise in the tangent space means, whatever the attack is called: tangent search first, its answer where its own figures say so, the attack otherwise."""

from pathlib import Path

import numpy as np
import pytest

from invviz.attacks import Tangent
from invviz.core.types import Reconstruction
from invviz.engine import reconstruct as aware
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.scenario import Scenario, former_key

SITE = Site(None, Path("/nonexistent"), "cpu")
NET = "data=digits&model=lenet(width=6)&seed=7&dtype=float64&attack=dlg(steps=30,restarts=1)"


def attacked(extra, report=None):
    return run(Scenario.parse(f"{NET}&{extra}"), SITE, report)


def test_every_aware_attack_solves_for_such_noise():
    result = attacked("attacker=aware&defense=invl_gnp")
    assert result.scores["psnr"][0] > 100 and not result.failed
    assert result.note.startswith("Read by tangent search")
    unaware = attacked("attacker=unaware&defense=invl_gnp")
    assert unaware.scores["psnr"][0] < 25 and "angent search" not in unaware.note


def assert_one_count(result, seen):
    """Of steps, for both searches."""
    numbers = [number for number, _ in result.trace]
    assert seen == sorted(seen) and numbers == sorted(set(numbers))


def test_with_noise_beneath_its_answer_counts_where_it_states_a_small_error():
    seen = []
    result = attacked(
        "attacker=aware&defense=gaussian_noise(sigma=0.001)&defense=invl_gnp", lambda event: (seen.append(event.done), True)[1]
    )
    assert result.note.startswith("Read by tangent search") and "did not read it" not in result.note
    assert result.scores["psnr"][0] > 28
    assert_one_count(result, seen)


@pytest.mark.parametrize(
    "extra, why",
    [
        ("model=lenet(width=6,act='relu')&defense=invl_gnp", "the net has kinks"),
        ("protocol=vfl(parties=1)&model=mlp(width=64,act='tanh')&defense=invl_enp", "noise along 64 directions explains any of them"),
    ],
)
def test_where_it_is_not_tried_the_note_says_so(extra, why):
    text = f"{NET}&{extra}&attacker=aware"
    parts = dict(part.split("=", 1) for part in text.split("&"))
    result = run(Scenario.parse("&".join(f"{name}={value}" for name, value in parts.items())), SITE)
    assert "Tangent search was not tried: " in result.note and why in result.note


def test_where_its_answer_would_be_the_worse_one_it_is_not_taken():
    """A little tangent noise over a little isotropic noise: tangent search takes the first for of any size, and gets 19 dB of what plain search reads at 29."""
    seen = []
    text = "data=digits&model=lenet&seed=0&dtype=float64&attack=dlg(steps=100,restarts=1)&attacker=aware&defense=gaussian_noise(sigma=0.003)&defense=invl_gnp(scale=0.1)"
    result = run(Scenario.parse(text), SITE, lambda event: (seen.append(event.done), True)[1])
    assert "was tried first and did not read it" in result.note and result.scores["psnr"][0] > 25
    assert_one_count(result, seen)


BETWEEN = "data=digits(index=185)&model=mlp(width=120,act='tanh')&protocol=vfl(parties=1)&defense=invl_enp(scale=1.0)&seed=3&attacker=aware&dtype=float64&attack=dlg"


def test_between_n_and_2n_numbers_the_answer_that_takes_less_noise_is_taken():
    """120 numbers for 64 pixels and as much noise: nothing is determined. The attack alone gets 9 dB behind loud noise."""
    result = run(Scenario.parse(BETWEEN), SITE)
    assert result.note.startswith("By tangent search, whose answer takes no more noise") and "Exact" not in result.note
    assert result.scores["psnr"][0] > 15
    steps = [number for number, _ in result.trace]
    assert steps == sorted(set(steps)), "one count of steps for both searches"


def test_an_answer_that_takes_more_noise_is_not_taken(monkeypatch):
    """Behind weaker noise, and a tangent search that comes home with grey; which of two real searches needs less may hang on rounding."""
    grey = lambda self, obs, rng, progress: (Reconstruction(obs.template.at(obs.grey), 1.0), 0.0)  # noqa: E731
    monkeypatch.setattr(Tangent, "solved", grey)
    text = BETWEEN.replace("attack=dlg", "attack=dlg(steps=100,restarts=1)").replace("scale=1.0", "scale=0.1")
    result = run(Scenario.parse(text), SITE)
    assert "its answer takes more noise to explain it" in result.note and np.ptp(result.guess) > 0.1


def test_where_it_would_take_long_the_note_says_so(monkeypatch):
    monkeypatch.setattr(aware, "MOST", 63)
    assert "for 64 unknowns it takes long (limit here 63)" in attacked("attacker=aware&defense=invl_gnp").note


@pytest.mark.parametrize(
    "extra, moved",
    [
        ("attacker=unaware&defense=invl_gnp", False),
        ("attacker=aware&defense=gaussian_noise", False),
        ("attacker=aware&defense=invl_dnp", False),  # its message is that of another picture, which is no sum of message and noise
        ("attacker=aware&defense=invl_gnp", True),
        ("attacker=aware&defense=water_filling", True),
    ],
)
def test_only_what_has_moved_had_another_key(extra, moved, monkeypatch):
    key = lambda: former_key("run", Scenario.parse(f"{NET}&{extra}"))  # noqa: E731
    now = key()
    monkeypatch.setattr(Scenario, "coloured", None)  # what made the key before
    assert (key() != now) == moved


def test_a_message_of_another_picture_is_not_certified_as_this_one():
    result = attacked("attacker=aware&defense=invl_dnp(scale=0.3)")
    assert "angent search" not in result.note and result.scores["psnr"][0] < 30
