"""The text form, the keys and the reasons of a scenario."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invviz.core.errors import KnobError, ScenarioError, TextError
from invviz.defenses import DEFENSES
from invviz.scenario import PARTS, Scenario, _scenario, check, problems, risk_problems
from invviz.servers import SERVERS


def components(part):
    return st.sampled_from([kind() for kind in PARTS[part].values()])


SCENARIOS = st.builds(
    Scenario,
    data=components("data"),
    model=components("model"),
    protocol=components("protocol"),
    defense=st.lists(components("defense"), max_size=3).map(tuple),
    attack=components("attack"),
    batch=st.integers(1, 64),
    seed=st.integers(0, 2**31 - 1),
    dtype=st.sampled_from(["float32", "float64"]),
    floor=st.floats(0, 100),
    prior=st.sampled_from(["white", "natural", "dataset"]),
    method=st.sampled_from(["auto", "exact", "sketch"]),
    rounds=st.integers(1, 20),
    layer=st.sampled_from(["", "0", "7.weight", "features.3"]),
)


@settings(max_examples=60, deadline=None)
@given(SCENARIOS)
def test_text_form_round_trip(scenario):
    assert Scenario.parse(scenario.text()) == scenario
    assert Scenario.parse(scenario.text(full=True)) == scenario
    assert Scenario.parse("?" + urlencode(scenario.pairs())) == scenario


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_in_words(text):
    try:
        Scenario.parse(text)
    except TextError as err:
        assert str(err)


def test_key_depends_on_what_the_result_depends_on():
    base = Scenario.parse("data=photos&model=lenet&defense=gaussian_noise(sigma=0.1)&attack=dlg")
    louder = Scenario.parse("data=photos&model=lenet&defense=gaussian_noise(sigma=0.2)&attack=dlg")
    pruned = Scenario.parse("data=photos&model=lenet&defense=pruning&attack=dlg")
    assert base.key("run") != louder.key("run")
    assert base.key("risk") == louder.key("risk"), "noise enters the risk in closed form"
    assert base.key("risk") != pruned.key("risk")
    assert base.key("run") == base.replace(floor=0.5, prior="natural").key("run")
    assert base.key("risk") != base.replace(prior="natural").key("risk")
    assert base.key("run") != base.replace(seed=8).key("run")
    assert base.key("weights") == louder.key("weights")


def test_defense_may_be_none_and_may_repeat():
    assert Scenario.parse("defense=none").defense == ()
    names = [d.name for d in Scenario.parse("defense=clipping&defense=gaussian_noise").defense]
    assert names == ["clipping", "gaussian_noise"]
    with pytest.raises(TextError, match="twice"):
        Scenario.parse("model=mlp&model=lenet")


def test_reasons_name_the_numbers_and_a_way_out():
    bad = Scenario.parse("data=photos&model=lenet&attack=linear_layer&batch=4")
    words = " ".join(problems(bad))
    assert "batch is 4" in words
    assert "model=mlp" in words
    with pytest.raises(ScenarioError, match="batch is 4"):
        check(bad)


def test_reasons_are_told_in_one_order_and_a_net_that_cannot_be_built_ends_the_list():
    """Attack, training mode, rounds, local steps, then one defense after the other: the page shows them as they come."""
    bad = Scenario.parse(
        "data=photos&model=resnet18&protocol=hfl_training&defense=clipping&defense=dp_sgd&defense=nopeek&attack=linear_layer&batch=4&rounds=2"
    )
    begins = [
        "linear_layer recovers at most 1 sample;",
        "linear_layer reads the picture off a fully connected first layer;",
        "linear_layer solves for a net whose layers treat every picture alone;",
        "dp_sgd takes the gradient of every sample alone,",
        "linear_layer reads the message of one round;",
        "Several rounds move the net in inference mode;",
        "dp_sgd asks for the gradient of every sample,",
        "nopeek protects embeddings;",
    ]
    found = problems(bad)
    assert [sentence[: len(begin)] for sentence, begin in zip(found, begins, strict=True)] == begins
    (words,) = problems(bad.replace(model=PARTS["model"]["lenet"]()))
    assert words.startswith("hfl_training differs from hfl in batch norm only"), "nothing else is asked of it"


def test_risk_reasons():
    big = Scenario.parse("data=photos(size=64)&method=exact")
    (words,) = risk_problems(big)
    assert "12,288" in words and "8,192" in words and "method=sketch" in words
    assert not problems(big)
    for method in ("auto", "sketch"):
        assert not risk_problems(big.replace(method=method))
    assert not risk_problems(Scenario.parse("data=photos(size=32)&batch=2&method=exact")), "6,144 values"
    assert risk_problems(Scenario.parse("data=photos(size=32)&batch=3&method=exact")), "9,216 values"
    for defenses in ("gaussian_noise&defense=clipping", "laplace_noise&defense=pruning", "clipping&defense=gaussian_noise"):
        assert not risk_problems(Scenario.parse(f"defense={defenses}"))


RISK_SETTINGS = {"prior": "dataset", "method": "sketch", "rounds": 3, "layer": "7"}


@pytest.mark.parametrize("name", RISK_SETTINGS)
def test_settings_of_the_risk_move_its_key_alone_but_for_rounds(name):
    base = Scenario.parse("data=digits&model=lenet&defense=gaussian_noise(sigma=0.1)")
    other = base.replace(**{name: RISK_SETTINGS[name]})
    assert base.key("risk") != other.key("risk")
    assert (base.key("run") == other.key("run")) is (name != "rounds"), "attacks take the messages of all rounds"
    assert base.key("weights") == other.key("weights")
    assert f"{name}={RISK_SETTINGS[name]}" in other.text() and f"{name}=" not in base.text()


@pytest.mark.parametrize(
    ("noise", "louder", "stays"),
    [
        ("gaussian_noise(sigma=0.1,relative=True)", "gaussian_noise(sigma=0.2,relative=True)", False),
        ("gaussian_noise(sigma=0.1,relative=False)", "gaussian_noise(sigma=0.2,relative=False)", True),
        ("laplace_noise(scale=0.1,relative=False)", "laplace_noise(scale=0.2,relative=False)", True),
        ("quantisation(bits=4)", "quantisation(bits=5)", True),
    ],
)
def test_over_rounds_noise_stays_in_the_key_unless_it_follows_the_message(noise, louder, stays):
    """Its share of the whole differs from round to round, and so does the floor's."""
    one, other = (Scenario.parse(f"rounds=2&defense={text}") for text in (noise, louder))
    assert (one.key("risk") != other.key("risk")) is stays
    assert (one.key("risk") != one.replace(floor=0.5).key("risk")) is stays
    assert one.replace(rounds=1).key("risk") == other.replace(rounds=1, floor=0.5).key("risk"), "one round: noise enters in closed form"
    assert one.key("risk") == one.replace(attack=PARTS["attack"]["idlg"]()).key("risk")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("method=fast", "auto, exact, sketch"),
        ("rounds=0", "1 to 20"),
        ("rounds=21", "1 to 20"),
        ("rounds=x", "whole number"),
        ("prior=pink", "dataset"),
    ],
)
def test_settings_of_the_risk_state_what_is_allowed(text, words):
    with pytest.raises(KnobError, match=words):
        Scenario.parse(text)


def test_every_data_set_has_a_model_and_every_attack_a_scenario():
    fits = [s for s in everything() if not problems(s)]
    assert {s.data.name for s in fits} == set(PARTS["data"])
    assert {s.model.name for s in fits} == set(PARTS["model"])
    assert {s.protocol.name for s in fits} == set(PARTS["protocol"])
    assert {s.attack.name for s in fits} == set(PARTS["attack"])


def everything():
    for data, model, protocol, attack in product(*(PARTS[p].values() for p in ("data", "model", "protocol", "attack"))):
        told = {"defense": (PARTS["defense"]["invl_gnp"](),), "attacker": "aware"} if attack.needs_tangent_noise else {}
        if attack.reads:
            told |= {"server": next(kind() for kind in SERVERS.values() if kind.plan == attack.reads), "batch": 2}
        wide = {"width": 48} if attack.reads and model.name == "lenet" else {}
        yield Scenario(data=data(), model=model(**wide), protocol=protocol(), attack=attack(), **told)


def test_reading_a_scenario_does_not_import_torch():
    code = "import sys; from invviz.scenario import Scenario, problems; problems(Scenario.parse('data=photos&model=resnet18')); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_equal_scenarios_have_one_text_and_one_key_in_whatever_type_they_were_written():
    """Texts and keys are remembered by value, and 1 == 1.0: once `GaussianNoise(sigma=1)` had another key than its own text form, read again."""
    whole = Scenario(defense=(DEFENSES["gaussian_noise"](sigma=1),), floor=np.float64(0.5))
    broken = Scenario(defense=(DEFENSES["gaussian_noise"](sigma=1.0),), floor=0.5)
    for first, second in ((whole, broken), (broken, whole)):
        _scenario._key.cache_clear()
        _scenario._text.cache_clear()
        assert first.key("run") == second.key("run") == Scenario.parse(first.text()).key("run")
        assert first.text(full=True) == second.text(full=True) and "sigma=1.0," in first.text(full=True)


def test_what_is_remembered_of_a_scenario_is_nobodys_to_change():
    unfit = Scenario.parse("data=photos&model=lenet&attack=linear_layer")
    said = problems(unfit)
    assert said
    problems(unfit).clear()
    assert problems(unfit) == said and risk_problems(unfit) == []
