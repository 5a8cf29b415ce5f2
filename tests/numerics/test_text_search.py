"""TAG and LAMP: what they reach, what they say, what those who know a defense gain, and the language that LAMP goes by, against counts by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from invviz.attacks._soft_words import SoftWords, occurring
from invviz.attacks._word_prior import NEVER, Language
from invviz.attacks.lamp import _exchanged, _judge
from invviz.core.rng import stream
from invviz.core.tree import flatten, map_tree
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.scenario import Scenario

TEXT = "data=notes(index={})&model={}&attack={}&dtype=float64"
QUICK = {"tag": "tag(steps=120,restarts=1)", "lamp": "lamp(steps=120,moves=20)"}


def seen(text, folder):
    s = Scenario.parse(text)
    client = meet_client(s, Site(None, folder, "cpu"))
    return s, client, observe(s, client)


def read(text, folder):
    s, client, obs = seen(text, folder)
    found = s.attack.reconstruct(obs, stream(s.seed, "attack"), lambda step: True)
    truth, guess = client.batch.private, found.batch.private
    return found, float(((truth == guess) & (truth != 0)).sum() / (truth != 0).sum())


@pytest.mark.parametrize("model", ["tiny_lm(width=16)", "tiny_bert"])
@pytest.mark.parametrize("attack", QUICK)
def test_one_sentence_of_a_fresh_net_is_exact_and_it_says_so(attack, model, tmp_path):
    found, right = read(TEXT.format(0, model, QUICK[attack]), tmp_path)
    assert right == 1 and found.note.startswith("Exact:") and not found.failed and found.batch.private.dtype == torch.long


@pytest.mark.parametrize("attack", QUICK)
def test_drowned_in_noise_it_reads_nothing_and_says_so(attack, tmp_path):
    few = {"tag": "tag(steps=2)", "lamp": "lamp(steps=2,moves=20)"}[attack]
    found, right = read(TEXT.format(0, "tiny_lm(width=8)", few) + "&defense=gaussian_noise(sigma=1000.0)", tmp_path)
    assert right < 0.5 and found.failed and found.note.startswith("Not converged")


@pytest.mark.parametrize("defense", ["clipping(clip_norm=0.1)", "pruning(fraction=0.9)", "gaussian_noise(sigma=1.0)"])
def test_those_who_do_not_know_of_clipping_pruning_or_some_noise_read_it_all_the_same(defense, tmp_path):
    found, right = read(TEXT.format(0, "tiny_lm(width=16)", QUICK["tag"]) + f"&defense={defense}", tmp_path)
    assert right == 1 and found.note.startswith("Exact") == ("clipping" in defense)


def test_who_knows_what_was_held_back_matches_the_rest_exactly(tmp_path):
    """Half of all entries are withheld by lot: the true words leave nothing of the others, and a good share of the message for who does not know."""
    text = TEXT.format(0, "tiny_lm(width=8)", QUICK["tag"]) + "&defense=random_pruning(fraction=0.5)&attacker="
    lefts = {}
    for who in ("aware", "unaware"):
        _, client, obs = seen(text + who, tmp_path)
        lefts[who] = float(SoftWords.of(obs).matches(client.batch.private[None])[0])
    assert abs(lefts["aware"]) < 1e-12 and lefts["unaware"] > 0.3


def test_zero_rows_leave_words_out_only_where_a_zero_tells_something(tmp_path):
    _, client, obs = seen(TEXT.format(0, "tiny_lm(width=8)", "tag"), tmp_path)
    words = {int(k) for k in client.batch.private.unique()}
    assert set(occurring(obs).tolist()) == words | {0}
    _, client, obs = seen(TEXT.format(0, "tiny_lm(width=8)", "tag") + "&defense=pruning(fraction=0.9)", tmp_path)
    assert len(occurring(obs)) == obs.num_classes
    _, client, obs = seen(TEXT.format(0, "tiny_lm(width=8)", "tag") + "&defense=gaussian_noise(sigma=0.01)", tmp_path)
    assert len(occurring(obs)) == obs.num_classes


def test_the_fit_is_the_best_scales_and_a_batch_of_shares_has_a_slope(tmp_path):
    _, client, obs = seen(TEXT.format(0, "tiny_lm(width=8)", "tag"), tmp_path)
    soft = SoftWords.of(dataclasses.replace(obs, message=map_tree(lambda leaf: 3 * leaf + 0.01, obs.message)))
    other = client.batch.private.roll(1, 1)
    sent, came = (flatten(tree) for tree in (obs.simulate(obs.template.at(other)), soft.obs.message))
    scale = float(sent @ came / (sent @ sent))
    assert float(soft.matches(other[None])[0]) == pytest.approx(float((scale * sent - came).square().sum() / came.square().sum()), rel=1e-9)
    scores = soft.start(stream(1, "attack")).requires_grad_()
    assert torch.autograd.grad(soft.fit(obs.simulate(soft.shares(scores))), scores)[0].abs().sum() > 0
    assert torch.allclose(soft.shares(scores).private.sum(2), torch.ones(1, 12, dtype=torch.float64))


def test_pairs_of_words_by_hand(tmp_path):
    _, _, obs = seen(TEXT.format(0, "tiny_lm(width=8)", "lamp"), tmp_path)
    public = torch.tensor([[1, 2, 0, 0], [1, 3, 0, 0], [1, 2, 3, 0]])
    template = obs.template.at(torch.zeros(1, 4, dtype=torch.long))
    language = Language(dataclasses.replace(obs, public=public, template=template, num_classes=4), "public")
    norm = lambda counts, word: np.log((counts.get(word, 0) + NEVER) / (sum(counts.values()) + 4 * NEVER))  # noqa: E731
    begin, one, two = {1: 3}, {2: 2, 3: 1}, {0: 1, 3: 1}
    by_hand = -(norm(begin, 1) + norm(one, 2) + norm(two, 0))
    assert float(language.surprise(torch.tensor([[[1, 2, 0, 0]]]))[0]) == pytest.approx(by_hand)
    drawn = language.drawn(200, torch.tensor([0, 1, 2]), stream(3, "attack"))
    assert 3 not in drawn and (drawn[:, 0] == 1).float().mean() > 0.9


def test_a_decoders_own_surprise_is_its_loss_over_all_words(tmp_path):
    _, client, obs = seen(TEXT.format(0, "tiny_lm(width=8)", "lamp(prior='net')"), tmp_path)
    assert obs.public is None and "public" not in obs.knowledge.words()
    tokens = client.batch.private
    wanted = float(client.net.loss(client.net.params, client.batch)) * (int((tokens != 0).sum()) + 1)
    assert float(Language(obs, "net").surprise(tokens[None])[0]) == pytest.approx(wanted)
    found, _ = read(TEXT.format(0, "tiny_bert(width=8)", "lamp(prior='net')"), tmp_path)
    assert found.failed and "foretells no words" in found.note and "Set prior='public'" in found.note


def test_a_sentence_of_one_word_has_nothing_to_exchange():
    """It broke off there; of three words there are three pairs, beside the sentence as it is."""
    assert _exchanged(torch.tensor([[7]])).tolist() == [[[7]]]
    assert {tuple(row) for row in _exchanged(torch.tensor([[1, 2, 3]]))[:, 0].tolist()} == {(1, 2, 3), (2, 1, 3), (3, 2, 1), (1, 3, 2)}


def test_lamps_score_is_minus_the_log_of_the_posterior(tmp_path):
    """Known noise: differences of the score are those of the chance of the message, at the best scale, and of the sentences."""
    text = TEXT.format(0, "tiny_lm(width=8)", "lamp") + "&defense=gaussian_noise(sigma=0.5)&attacker=aware"
    _, client, obs = seen(text, tmp_path)
    language, soft = Language(obs, "public"), SoftWords.of(obs)
    tried = torch.stack([client.batch.private, client.batch.private.roll(1, 1)])
    came, by_hand = flatten(obs.message), []
    for tokens in tried:
        sent = flatten(obs.simulate(obs.template.at(tokens)))
        rest = came - sent * (sent @ came) / (sent @ sent)
        by_hand.append(float(rest.square().sum()) / (2 * obs.noise**2) + float(language.surprise(tokens[None])[0]))
    scores = _judge(obs, language, 1.0)(tried, soft.matches(tried))
    assert float(scores[1] - scores[0]) == pytest.approx(by_hand[1] - by_hand[0], rel=1e-6) and scores[0] < scores[1]


def test_it_stops_when_asked_and_hands_over_whole_words(tmp_path):
    for attack in QUICK:
        s, _, obs = seen(TEXT.format(0, "tiny_lm(width=8)", attack), tmp_path)
        found = s.attack.reconstruct(obs, stream(1, "attack"), lambda step: step.number < 4)
        assert found.stopped and not found.failed and found.batch.private.dtype == torch.long and "Stopped on request" in found.note
