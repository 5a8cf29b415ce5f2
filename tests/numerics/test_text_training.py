"""Training of sentences by clients against loops written here, and sweeps of them: words that are right, bits that are learned."""

import copy

import numpy as np
import pytest
import torch

from invviz.core.tree import flatten
from invviz.engine.bits import count
from invviz.engine.client import Site, meet_client
from invviz.engine.training import _messages, train
from invviz.engine.training._deal import Deal
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.report._sweep import rows_section
from invviz.scenario import Scenario
from invviz.studies.sweep import Sweep, queue, table
from invviz.studies.tradeoff import PRIVACY, points

MODELS = {"tiny_lm": "tiny_lm(width=8,heads=1,blocks=1)", "tiny_bert": "tiny_bert(width=8,heads=1,blocks=1)"}


def scenario(model, rest=""):
    text = f"data=notes&model={MODELS[model]}&dtype=float64&seed=3&batch=2&train=federated(rounds=4,clients=5,sampled=3,every=1,lr=0.05)"
    return Scenario.parse(text + rest).only("train")


def drawn(s, client, done):
    chosen, places = Deal.of(s, client.samples).drawn(done)
    tokens, labels = client.samples.public.take(places.tolist())
    return chosen, torch.as_tensor(tokens), torch.as_tensor(labels)


def by_hand(module, tokens, labels, model):
    """Loss of every sentence alone with nothing behind it, its mean; and the share that is right, sentence by sentence."""
    losses, right = [], []
    for row, label in zip(tokens.tolist(), labels.tolist(), strict=True):
        words = [word for word in row if word]
        scores = module(torch.tensor([words]))[0]
        wanted = torch.tensor([*words, 0] if model == "tiny_lm" else [label])
        scores = scores if model == "tiny_lm" else scores[None]
        losses.append(torch.nn.functional.cross_entropy(scores, wanted))
        right.append(float((scores.argmax(1) == wanted).double().mean()))
    return torch.stack(losses).mean(), float(np.mean(right))


@pytest.mark.parametrize("model", MODELS)
def test_without_a_defense_it_is_a_plain_loop(model, tmp_path):
    """The same sentences, one by one, through module, backward and torch.optim; the accuracy is that of next words, or of classes."""
    s, site = scenario(model), Site(None, tmp_path, "cpu")
    found = train(s, site)
    client = meet_client(s, site)
    module = copy.deepcopy(client.net.module).requires_grad_(True)
    adam = torch.optim.Adam(module.parameters(), 0.05)
    held = tuple(map(torch.as_tensor, client.samples.victims.take(range(400))))
    assert len(found.history) == 4
    for done, (rounds, accuracy, loss) in enumerate(found.history):
        _, tokens, labels = drawn(s, client, done)
        adam.param_groups[0]["lr"] = s.train.rate(done)
        adam.zero_grad()
        by_hand(module, tokens, labels, model)[0].backward()
        adam.step()
        with torch.no_grad():
            expected = by_hand(module, *held, model)
        assert rounds == done + 1 and (loss, accuracy) == pytest.approx((float(expected[0]), expected[1]), rel=1e-9)
    assert found.trained_on == 4 * 3 * 2


@pytest.mark.parametrize("defense", ["gaussian_noise(sigma=0.5)", "dp_sgd(noise_multiplier=0.3)", "pruning"])
def test_in_one_go_is_one_by_one(defense, tmp_path):
    s = scenario("tiny_lm", f"&defense={defense}")
    client = meet_client(s, Site(None, tmp_path, "cpu"))
    chosen, tokens, labels = drawn(s, client, 0)
    together = flatten(_messages.Round(s, client).mean(client.net, chosen, tokens, labels, 0))
    sent = [
        flatten(client.release(client.net, client.batch.at(tokens[2 * n : 2 * n + 2], labels[2 * n : 2 * n + 2]), rng))
        for n, rng in enumerate(_messages.stream(s.seed, f"noise of client {k} in round 1") for k in chosen)
    ]
    assert torch.allclose(together, torch.stack(sent).mean(0), rtol=1e-9, atol=1e-12)


def test_a_sweep_of_sentences_has_words_that_are_right_and_bits_that_are_learned(tmp_path):
    """Its figures are those of the single pieces of work, and the strongest attack is the one with most words right."""
    base = "data=notes&model=tiny_lm(width=16,heads=1,blocks=2)&batch=1&train=federated(rounds=2,clients=2)&attack=dager"
    sweep = Sweep.parse(f"{base} | defense=none,gaussian_noise(sigma=3.0) | attack=dager,embedding_rows")
    site = Site(None, tmp_path, "cpu")
    queue(sweep, Store(tmp_path))
    work(Store(tmp_path), site, once=True)
    rows = table(sweep, Store(tmp_path))
    assert (rows["state"] == "done").all(), rows[["state", "reason"]].to_dict()
    asked = {cell.scenario.key("bits"): cell.scenario for cell in sweep.cells}
    counted = {key: count(one, site).summary()["invre"] for key, one in asked.items()}
    for row, cell in zip(rows.to_dict("records"), sweep.cells, strict=True):
        assert row["invre"] == pytest.approx(counted[cell.scenario.key("bits")], abs=1e-9)
        assert 0 <= row["tokens_unaware"] <= 1 and np.isnan(row["psnr_unaware"])
    for point in points(rows, "tokens"):
        mine = rows[rows["defense"] == point.defense]
        best = mine[["tokens_unaware", "tokens_aware"]].max().max()
        assert point.value.value == best and point.whole
        name = point.attack.partition(" (")[0]
        assert best == mine[mine["attack"] == name][["tokens_unaware", "tokens_aware"]].max().max()
    assert PRIVACY["tokens"].ends == (0.0, 1.0)
    told = rows_section(rows, "", (sweep.text(),), "")
    assert "has right a share of the words of" in told.finding and any("Words right" in table.title for table in told.tables)
    assert "dB" not in told.finding and len(told.figures) == 1 and "picture" not in str(told)
