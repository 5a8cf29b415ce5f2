"""Bits learned of words: the posterior by the Gram matrix against one by brute force, closed forms, and attacks that learn no more."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import integrate
from scipy.special import ndtr

from invviz.core.tree import flatten
from invviz.engine.attack import run
from invviz.engine.bits import LEVELS, count
from invviz.engine.client import Site, meet_client
from invviz.risk.discrete import Alternatives, union_bound
from invviz.scenario import Scenario, bits_problems

TOY = np.random.default_rng(3).standard_normal((7, 40))  # messages of seven alternatives


def brute_force(messages, noise, truth, sigma, prior):
    """The posterior of every alternative given a message, by its density in the space of messages."""
    seen = messages[truth] + sigma * noise
    logs = np.array([-((seen - m) ** 2).sum() / (2 * sigma**2) + np.log(p) for m, p in zip(messages, prior, strict=True)])
    shares = np.exp(logs - logs.max())
    return shares / shares.sum()


@pytest.mark.parametrize("sigma", [0.3, 1.0, 3.0, 30.0])
@pytest.mark.parametrize("even", [True, False])
def test_the_posterior_is_that_of_brute_force(sigma, even):
    rng = np.random.default_rng(1)
    prior = np.full(7, 1 / 7) if even else rng.dirichlet(np.ones(7))
    found, noise = Alternatives.of(TOY, 2, prior), rng.standard_normal((50, 40))
    ours = found.posterior(noise @ (TOY - TOY[2]).T, sigma)
    theirs = np.array([brute_force(TOY, n, 2, sigma, prior) for n in noise])
    assert np.abs(ours - theirs).max() < 1e-9
    entropy = lambda p: -sum(q * np.log2(q) for q in p if q > 0)  # noqa: E731
    learned = found.learned(sigma, noise @ (TOY - TOY[2]).T)
    assert learned.bits == pytest.approx(entropy(prior) - np.mean([entropy(p) for p in theirs]), abs=1e-9)
    assert learned.right == np.mean([p.argmax() == 2 for p in theirs]) and learned.invre == pytest.approx(learned.bits / entropy(prior))


def test_what_is_drawn_has_the_gram_matrix_as_its_covariance():
    found = Alternatives.of(TOY, 0)
    drawn = found.draws(200_000)
    assert np.allclose(drawn.T @ drawn / len(drawn), found.gram, atol=0.03 * np.abs(found.gram).max())
    assert np.allclose(found.gram, (TOY - TOY[0]) @ (TOY - TOY[0]).T) and np.array_equal(drawn[:, 0], np.zeros(len(drawn)))


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_two_alternatives_in_closed_form(sigma):
    """At a distance a the posterior of the truth is a logistic function of one normal number."""
    found = Alternatives.of(np.array([[0.0, 0.0], [3.0, 4.0]]), 0)
    a = 5 / sigma
    h = lambda p: 0.0 if p in (0, 1) else -p * np.log2(p) - (1 - p) * np.log2(1 - p)  # noqa: E731
    left = lambda z: h(1 / (1 + np.exp(a * z - a * a / 2))) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)  # noqa: E731
    unknown, _ = integrate.quad(left, -12, 12, limit=200)
    learned = found.learned(sigma, found.draws(100_000))
    assert learned.bits == pytest.approx(1 - unknown, abs=5e-3) and learned.right == pytest.approx(ndtr(a / 2), abs=5e-3)
    assert union_bound(found.gram, 0, sigma) == pytest.approx(1 - ndtr(a / 2), abs=1e-12)


def test_the_ends_and_the_union_bound():
    found = Alternatives.of(TOY, 4)
    for sigma in (0.5, 1.5, 4.0, 20.0):
        assert 1 - found.learned(sigma).right <= union_bound(found.gram, 4, sigma) + 0.05
    assert found.learned(1e-6).bits == pytest.approx(np.log2(7)) and found.learned(0.0).right == 1
    assert found.learned(1e6).bits == pytest.approx(0, abs=1e-6) and found.learned(1e6).right < 0.6
    twins = Alternatives.of(TOY[[0, 0, 1, 2]], 0)
    assert twins.learned(1e-9).bits == pytest.approx(1) and twins.learned(1e-9).right == pytest.approx(0.5), (
        "two words with the same message"
    )


def test_of_a_sentence_against_messages_made_one_by_one(tmp_path):
    s, site = Scenario.parse("data=notes(index=3)&model=tiny_lm(width=8)&dtype=float64&batch=2"), Site(None, tmp_path, "cpu")
    client = meet_client(s, site)
    found = count(s, site, client=client)
    tokens = client.batch.private
    own = flatten(client.release(client.net, client.batch, None))
    for place, word, other in ((0, 5, 60), (3, 1, 111)):
        moved = []
        for number in (word, other):
            changed = tokens.clone()
            changed[1, place] = number
            moved.append(flatten(client.release(client.net, client.batch.at(changed), None)) - own)
        assert found.gram[1, place, word - 1, other - 1] == pytest.approx(float(moved[0] @ moved[1]), rel=1e-9, abs=1e-18)
    facts = found.summary()
    assert [len(b) for b in facts["bits"]] == [len(t.split()) for t in facts["sentences"]] and facts["entropy"] == pytest.approx(
        np.log2(111)
    )
    assert facts["curve"][0] == pytest.approx(facts["entropy"]) and facts["curve"][-1] < 1 and all(np.diff(facts["curve"]) < 0.05)
    assert len(facts["levels"]) == len(LEVELS) and facts["invre"] == pytest.approx(facts["mean_bits"] / facts["entropy"])


def test_the_attack_has_no_more_words_than_whoever_knows_the_others(tmp_path):
    """On average over sentences, at every noise; beyond the noise where the attack ends the ideal one still has all."""
    text, site = (
        "data=notes(index={})&model=tiny_lm(width=16)&attack=dager&dtype=float64&floor=0&defense=gaussian_noise(sigma={})",
        Site(None, tmp_path, "cpu"),
    )
    counted = [count(Scenario.parse(text.format(index, 0.0)), site) for index in (1, 2)]
    for sigma in (0.03, 0.3, 3.0, 100.0):
        reached, bound = [], []
        for index, found in zip((1, 2), counted, strict=True):
            s = Scenario.parse(text.format(index, sigma))
            at = dataclasses.replace(found, scenario=s)
            assert at.sigma == pytest.approx(sigma * found.size.rms)
            bound += [word.right for sentence in at.learned(at.sigma) for word in sentence]
            reached += [run(s.replace(seed=seed), site).scores["token_accuracy"][0] for seed in (7, 8, 9)]
        assert np.mean(reached) <= np.mean(bound) + 1e-9
        assert (sigma > 1) or np.mean(bound) == 1


def test_the_noise_of_the_defenses_and_of_the_floor_counts(tmp_path):
    site = Site(None, tmp_path, "cpu")
    found = count(Scenario.parse("data=notes&model=tiny_lm(width=8)&floor=0.3&defense=gaussian_noise(sigma=0.4)"), site)
    assert found.summary()["noise"] == pytest.approx(0.5)
    louder = dataclasses.replace(found, scenario=Scenario.parse("data=notes&model=tiny_lm(width=8)&defense=gaussian_noise(sigma=100.0)"))
    assert louder.sigma == pytest.approx(100 * found.size.rms, rel=1e-3)


def test_what_does_not_go_is_said():
    assert any("digits is a set of pictures" in said for said in bits_problems(Scenario.parse("data=digits")))
    assert any("one whole message" in said for said in bits_problems(Scenario.parse("data=notes&model=tiny_lm&rounds=2")))
    assert any("Set batch=10 or less" in said for said in bits_problems(Scenario.parse("data=notes&model=tiny_lm&batch=11")))
    assert not bits_problems(Scenario.parse("data=notes&model=tiny_lm&batch=10"))


@pytest.mark.slow
@pytest.mark.parametrize("attack", ["dager", "embedding_rows"])
def test_no_attack_has_more_words_in_two_hundred_runs(attack, tmp_path):
    """On average over 25 sentences at every noise; single sentences may lie above, since the bound is on average over words."""
    text, site = (
        f"data=notes(index={{}})&model=tiny_lm(width=16)&attack={attack}&dtype=float64&floor=0&defense=gaussian_noise(sigma={{}})",
        Site(None, tmp_path, "cpu"),
    )
    counted = {index: count(Scenario.parse(text.format(index, 0.0)), site) for index in range(25)}
    runs = 0
    for sigma in (0.001, 0.03, 0.1, 0.3, 1.0, 3.0, 30.0, 100.0):
        reached, bound = [], []
        for index, found in counted.items():
            s = Scenario.parse(text.format(index, sigma))
            at = dataclasses.replace(found, scenario=s)
            bound.append(np.mean([word.right for sentence in at.here for word in sentence]))
            reached.append(run(s, site).scores["token_accuracy"][0])
        runs += len(reached)
        assert np.mean(reached) <= np.mean(bound) + 0.01, sigma
    assert runs == 200
