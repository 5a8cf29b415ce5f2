"""What knowing of noise in the tangent space means, whatever the attack is called: tangent search first, its answer where its own figures say so, the attack otherwise."""

from pathlib import Path

import pytest

from invviz.run import Site, _attack, run
from invviz.scenario import Scenario

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


@pytest.mark.parametrize("share, read", [(0.003, True), (0.3, False)])
def test_with_noise_beneath_its_answer_counts_where_it_states_a_small_error(share, read):
    seen = []
    result = attacked(
        f"attacker=aware&defense=gaussian_noise(sigma={share})&defense=invl_gnp", lambda event: (seen.append(event.done), True)[1]
    )
    assert result.note.startswith("Read by tangent search") == read
    assert ("was tried first and did not read it" in result.note) == (not read)
    assert (result.scores["psnr"][0] > 28) == read
    assert seen == sorted(seen) and [number for number, _ in result.trace] == sorted({number for number, _ in result.trace}), (
        "one count of steps for both searches"
    )


@pytest.mark.parametrize(
    "extra, why",
    [
        ("model=lenet(width=6,act='relu')&defense=invl_gnp", "the net has kinks"),
        ("protocol=vfl(parties=1,cut=1)&model=lenet(width=4)&defense=invl_enp", "picture and noise are 128 unknowns"),
    ],
)
def test_where_it_is_not_tried_the_note_says_so(extra, why):
    text = f"{NET}&{extra}&attacker=aware"
    parts = dict(part.split("=", 1) for part in text.split("&"))
    result = run(Scenario.parse("&".join(f"{name}={value}" for name, value in parts.items())), SITE)
    assert "Tangent search was not tried: " in result.note and why in result.note


def test_where_it_would_take_long_the_note_says_so(monkeypatch):
    monkeypatch.setattr(_attack, "MOST", 63)
    assert "for 64 unknowns it takes long (limit here 63)" in attacked("attacker=aware&defense=invl_gnp").note


def test_only_what_has_moved_has_another_key():
    key = lambda extra: Scenario.parse(f"{NET}&{extra}")  # noqa: E731
    for extra in ("attacker=unaware&defense=invl_gnp", "attacker=aware&defense=optimal_noise", "attacker=aware&defense=invl_dnp"):
        form = key(extra)._form("run", [d.keyed() for d in key(extra).only("run").defense])
        assert "solved for" not in form
    assert key("attacker=aware&defense=invl_gnp").key("run") != key("attacker=aware&defense=invl_gnp").replace(attacker="unaware").key(
        "run"
    )
