"""What `problems` accepts runs: scenarios drawn at random from the tables, every attack in turn."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn import FURTHER, drawn, tried

from invviz.engine.client import Site
from invviz.scenario import Scenario, problems

HERE = Path(__file__).parent
FEW = 12


def became(tmp_path, patience, seed, count, **limits):
    site = Site(None, tmp_path, "cpu")
    found = {s.text(): tried(s, site, patience) for s in drawn(seed, count, **limits)}
    assert len(found) == count
    return {text: words for text, words in found.items() if words != "ran"}


@pytest.mark.filterwarnings("ignore")
def test_a_few_drawn_scenarios_run(tmp_path):
    assert not became(tmp_path, 60, 1, FEW, data=("digits", "breast_cancer", "wine", *FURTHER), width=8)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_many_drawn_scenarios_run(tmp_path):
    assert not became(tmp_path, 600, 0, 180)


REFUSED = {  # what was accepted and then refused, or ended in a crash; and the same, changed as the sentence says
    "data=digits&model=resnet18(width=8)&protocol=hfl_training&attack=dlg": ("a picture of 8x8 has only one. Set batch=2", "batch=2"),
    "data=digits&model=preact(width=4,blocks=4)&protocol=hfl_training&attack=inverting_gradients": (
        "or fewer blocks",
        "model=preact(width=4,blocks=3)",
    ),
    "data=photos(size=64)&model=convnet(act='tanh')&protocol=vfl(split='rows',size=2048)&attack=unsplit": (
        "Lower size to 762 or less",
        "protocol=vfl(split='rows',size=762)",
    ),
    "data=photos(size=64)&model=convnet&protocol=vfl(parties=1,activated=False)&attack=least_squares": (
        "1,610,612,736 numbers here",
        "attack=rmle",
    ),
    "data=digits&model=mlp&protocol=vfl(size=2000)&attack=least_squares&batch=64": ("Lower the batch to 30", "batch=30"),
    "data=photos&model=lenet&defense=invl_gnp&batch=3": ("(3 GB of memory); this batch has 9,216. Set batch=2", "batch=2"),
    "data=photos(size=64)&model=lenet&defense=water_filling": ("Use smaller pictures", "defense=optimal_noise"),
    "data=photos(size=64)&model=mlp&protocol=vfl(parties=1,size=4096)&defense=invl_dnp&batch=2": (
        "Use smaller pictures",
        "protocol=vfl(parties=1,size=16)",
    ),
    "data=photos(size=16)&model=vgg6(width=28)&protocol=vfl(parties=1,size=3071)&attack=least_squares&batch=8": (
        "at most 60,000,000 are taken",
        "batch=5",
    ),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_run_is_said_up_front_with_what_does(text):
    words, change = REFUSED[text]
    (said,) = problems(Scenario.parse(text))
    assert words in said
    part = change.partition("=")[0]
    kept = [pair for pair in Scenario.parse(text).pairs() if pair[0] != part]
    assert not problems(Scenario.from_pairs([*kept, tuple(change.split("=", 1))]))


def test_noise_with_a_shape_that_takes_no_directions_serves_every_size():
    for defense in ("outpost", "optimal_noise", "invl_gnp(scale=0.0)"):
        assert not problems(Scenario.parse(f"data=photos(size=64)&model=lenet&defense={defense}&batch=8")), defense
