"""Bits learned of a word are more than any attack learns: Fano's inequality turns them into a share of right words, which 200 runs of three attacks are held against.

Run to the end once at LEVEL, on 2026-11-30: 1.89 of 6.79 bits (standard error 0.03), so at most 42.1 % right (43.8 % with the sampling error); DAGER 0 %, TAG 4.0 %, LAMP without language 4.0 %:
none comes near it, as the bound is for one word whose sentence is known otherwise. At 10 times the typical entry, run before: at most 96.1 % right; DAGER 0 %, TAG 34.5 % (+- 4.6), LAMP 48.7 % (+- 5.8).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import beta, norm

from invviz.core.rng import stream
from invviz.engine.bits import count
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.scenario import Scenario

RUNS, WORDS = 200, 3  # sentences, and words in each, every one drawn evenly from the vocabulary, so that no word tells of another
TEXT = "data=notes&model=tiny_lm(width=12,heads=1)&attack={}&defense=gaussian_noise(sigma={})&attacker=aware&dtype=float64&floor=0&seed={}"
ATTACKS = ("dager", "tag(steps=40,restarts=1)", "lamp(steps=40,every=20,moves=20,sweeps=2,language=0.0)")
SURE = 0.999
LEVEL = 30.0
"""Noise over the typical entry. Chosen before any attack was run: by the bits alone of twelve other sentences the bound is 41 % there (65 % at 20, 29 % at 40)."""


def most_right(bits, words):
    """The largest share of right guesses among so many even words of which so many bits are learned on average: Fano, h(e) + e log2(words - 1) >= log2(words) - bits."""
    missing = np.log2(words) - bits
    entropy = lambda e: -e * np.log2(e) - (1 - e) * np.log2(1 - e) + e * np.log2(words - 1)  # noqa: E731
    return 1.0 if missing <= 0 else 1 - brentq(lambda e: entropy(e) - missing, 1e-15, 1 - 1 / words)


def one(number, sigma, folder):
    """Bits of every word of one sentence, and of every attack whether it has it right."""
    s = Scenario.parse(TEXT.format("dager", sigma, number))
    client = meet_client(s, Site(None, folder, "cpu"))
    tokens = torch.randint(1, s.data.num_classes, (1, WORDS), generator=stream(number, "words"))
    client = dataclasses.replace(client, batch=client.batch.at(tokens))
    bits = [word.bits for word in count(s, Site(None, folder, "cpu"), client=client).here[0]]
    right = {}
    for attack in ATTACKS:
        other = Scenario.parse(TEXT.format(attack, sigma, number))
        found = other.attack.reconstruct(observe(other, client), stream(number, "attack"), lambda step: True)
        right[attack] = (found.batch.private == tokens)[0].tolist()
    return bits, right


def learned(sigma, folder, runs=RUNS):
    """Mean bits of a word and its standard error over sentences, and of every attack the share of right words with its lower and upper confidence limits, words of one sentence counted as one observation each of three."""
    found = [one(number, sigma, folder) for number in range(runs)]
    each = np.array([np.mean(b) for b, _ in found])
    bits, error = float(each.mean()), float(each.std(ddof=1) / runs**0.5)
    shares = {}
    for attack in ATTACKS:
        firsts = np.array([right[attack] for _, right in found])
        lows = []
        for place in range(WORDS):  # at one place all sentences are independent
            k = int(firsts[:, place].sum())
            lows.append(beta.ppf(1 - SURE, k, runs - k + 1) if k else 0.0)
        shares[attack.split("(")[0]] = (float(firsts.mean()), float(np.mean(lows)))
    return bits, error, shares


def test_fano_by_hand():
    words = 8
    for right in (0.3, 0.6, 0.95):  # a channel that errs evenly reaches the bound
        e = 1 - right
        bits = np.log2(words) + e * np.log2(e / (words - 1)) + right * np.log2(right)
        assert most_right(bits, words) == pytest.approx(right, abs=1e-9)
    assert most_right(3.0, 8) == 1 and most_right(0.0, 8) == pytest.approx(1 / 8, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("sigma", "tight"), [(0.01, False), (LEVEL, True)])
def test_no_attack_learns_more_than_the_bits(sigma, tight, tmp_path: Path):
    words = Scenario.parse("data=notes").data.num_classes - 1
    runs = RUNS if tight else 20
    bits, error, shares = learned(sigma, tmp_path, runs)
    bound = most_right(bits + norm.ppf(SURE) * error, words)  # with the sampling error of the mean of bits, and nothing else
    print(
        f"noise {sigma}: {bits:.2f} (+- {error:.2f}) of {np.log2(words):.2f} bits, at most {most_right(bits, words):.3f} ({bound:.3f}) right;",
        shares,
    )
    assert all(low <= bound for _, low in shares.values())
    if tight:
        assert 0.3 < most_right(bits, words) < 0.8, "the bound bites here"
    else:
        assert bound > 0.99 and max(mean for mean, _ in shares.values()) > 0.95, "without much noise the attacks reach it"
