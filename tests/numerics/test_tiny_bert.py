"""The encoder: what it computes, what it reaches in seconds, and what is read off its gradient, on both sides of every stated condition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from invviz.core.rng import stream
from invviz.core.task import ends, present
from invviz.datasets import DATASETS
from invviz.datasets.notes import SLOTS
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.models import MODELS
from invviz.scenario import Scenario

BERT = "data=notes(index={})&model=tiny_bert({})&attack={}&dtype=float64&batch={}"


def read(text, folder):
    s = Scenario.parse(text)
    client = meet_client(s, Site(None, folder, "cpu"))
    found = s.attack.reconstruct(observe(s, client), stream(s.seed, "attack"), lambda step: True)
    truth, guess = (sorted(map(tuple, t.tolist())) for t in (client.batch.private, found.batch.private))
    return found, truth == guess, int((client.batch.private != 0).sum()) + s.batch


def test_a_notes_class_is_its_diagnosis_then_its_drug_then_its_month():
    data = DATASETS["notes"]()
    tokens, labels = data.load(None).victims.take(range(400))
    for row, label in zip(tokens, labels, strict=True):
        words, said = data.vocabulary.sentence(row).split(), data.vocabulary.word(int(label))
        kinds = [[w for w in words if w in SLOTS[slot]] for slot in ("illness", "drug", "month")]
        assert said == next(kind for kind in kinds if kind)[0]


def test_every_word_sees_all_words_of_its_sentence_and_nothing_behind_it():
    net = MODELS["tiny_bert"](width=8).build((5,), 9, 1).double()
    short, padded = torch.tensor([[3, 4, 5]]), torch.tensor([[3, 4, 5, 0, 0]])
    assert torch.allclose(net(short), net(padded), atol=1e-14)
    heard = []
    net.blocks[1].qkv.register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    net(padded), net(torch.tensor([[3, 4, 6, 0, 0]]))
    assert (heard[0][0, :4] - heard[1][0, :4]).abs().amax(1).gt(1e-6).all(), "the last word moves every place before it"
    decoder = MODELS["tiny_lm"](width=8).build((5,), 9, 1).double()
    assert torch.equal(decoder(padded)[0, :3], decoder(torch.tensor([[3, 4, 6, 0, 0]]))[0, :3])


@pytest.mark.parametrize("model", ["tiny_bert", "tiny_lm"])
def test_shares_of_words_give_the_words_own_message_and_a_slope(model, tmp_path):
    s = Scenario.parse(f"data=notes&model={model}(width=16)&attack=dager&dtype=float64&batch=2")
    client = meet_client(s, Site(None, tmp_path, "cpu"))
    soft = torch.nn.functional.one_hot(client.batch.private, s.data.num_classes).double().requires_grad_()
    whole = client.release(client.net, client.batch, None)
    parts = client.release(client.net, client.batch.at(soft), None)
    assert all(torch.allclose(leaf, parts[name], atol=1e-15) for name, leaf in whole.items())
    assert sum(leaf.square().sum() for leaf in parts.values()).requires_grad
    tokens = client.batch.private
    assert torch.equal(present(soft), present(tokens).double()) and torch.equal(ends(soft), ends(tokens).double())


def test_trained_in_seconds_it_tells_the_diagnosis(tmp_path):
    s = Scenario.parse("data=notes&model=tiny_bert(width=24,init='trained')&attack=dager")
    assert meet_client(s, Site(None, tmp_path, "cpu")).accuracy > 0.9


def test_products_are_those_of_its_linear_maps_and_attention():
    from torch.utils.flop_counter import FlopCounterMode

    model = MODELS["tiny_bert"](width=16, blocks=3)
    with FlopCounterMode(display=False) as counter:
        model.build((12,), 50, 1)(torch.ones(1, 12, dtype=torch.long))
    assert model.products((12,), 50) == counter.get_total_flops() / 2


@pytest.mark.parametrize(("index", "batch"), [(0, 1), (50, 1), (0, 2), (50, 2), (0, 3)])
def test_dager_is_exact_where_words_and_marks_are_fewer_than_the_width(index, batch, tmp_path):
    found, exact, count = read(BERT.format(index, "", "dager", batch), tmp_path)
    assert count < 64 and exact and not found.failed and found.note.startswith("Exact:"), found.note


def test_both_sides_of_the_width(tmp_path):
    _, _, count = read(BERT.format(0, "", "dager", 2), tmp_path)
    even = count + count % 2
    found, exact, _ = read(BERT.format(0, f"width={even + 2}", "dager", 2), tmp_path)
    assert exact and found.note.startswith("Exact:") and count < even + 2
    found, exact, _ = read(BERT.format(0, f"width={even - 2}", "dager", 2), tmp_path)
    assert not exact and found.failed and count >= even - 2 and "any word passes" in found.note


@pytest.mark.parametrize(("knobs", "reads"), [("pool='mark'", False), ("pool='mark',blocks=3", True), ("pool='mean'", True)])
def test_dager_needs_a_second_attention_that_is_not_the_last_before_the_mark_is_read(knobs, reads, tmp_path):
    found, exact, _ = read(BERT.format(0, knobs, "dager", 1), tmp_path)
    assert exact == reads != found.failed
    assert found.note.startswith("Exact:") if reads else "a class read off the mark shows little" in found.note


def test_too_many_whole_sentences_are_not_tried(tmp_path):
    found, exact, count = read(BERT.format(0, "", "dager", 4), tmp_path)
    assert count < 64 and found.failed and not exact and "It does not fit" in found.note and "9.6e+05 whole sentences" in found.note


@pytest.mark.parametrize(("sigma", "reads"), [(1e-3, True), (1e-2, True), (1.0, False)])
def test_dager_under_noise(sigma, reads, tmp_path):
    found, exact, _ = read(BERT.format(0, "", "dager", 1) + f"&defense=gaussian_noise(sigma={sigma})", tmp_path)
    assert exact == reads != found.failed and not found.note.startswith("Exact")


@pytest.mark.parametrize("pool", ["mean", "mark"])
def test_embedding_rows_read_one_sentence_exactly_and_of_several_the_words(pool, tmp_path):
    for index in range(4):
        found, exact, _ = read(BERT.format(index, f"pool='{pool}'", "embedding_rows", 1), tmp_path)
        assert exact and found.note.startswith("Exact:")
    found, exact, _ = read(BERT.format(0, f"pool='{pool}'", "embedding_rows", 3), tmp_path)
    assert not exact and found.failed and "21 different words occur" in found.note


def test_attackers_are_told_the_classes_as_they_say(tmp_path):
    s = Scenario.parse(BERT.format(0, "", "dager", 2))
    obs = observe(s, meet_client(s, Site(None, tmp_path, "cpu")))
    assert "labels" in obs.knowledge.words() and np.array_equal(obs.template.label, DATASETS["notes"]().load(None).victims.take([0, 1])[1])


@pytest.mark.parametrize("model", ["tiny_lm", "tiny_bert"])
def test_a_frozen_embedding_sends_no_rows_and_hides_no_word_from_who_does_not_need_them(model, tmp_path):
    text = f"data=notes&model={model}({{}})&attack={{}}&dtype=float64"
    whole, frozen = (
        meet_client(Scenario.parse(text.format(knobs, "dager")), Site(None, tmp_path, "cpu")) for knobs in ("", "frozen='embedding'")
    )
    sent = frozen.release(frozen.net, frozen.batch, None)
    assert not any("embedding" in name for name in sent) and any("embedding" in name for name in whole.net.params)
    kept = whole.release(whole.net, whole.batch, None)
    assert all(torch.allclose(leaf, kept[name], atol=1e-14) for name, leaf in sent.items()), "the rest of the message is what it was"
    found, exact, _ = read(text.format("frozen='embedding'", "dager"), tmp_path)
    assert exact and found.note.startswith("Exact:")
    found, exact, _ = read(text.format("frozen='embedding'", "embedding_rows"), tmp_path)
    assert not exact and found.failed and "this message has none" in found.note
    found, exact, _ = read(text.format("", "embedding_rows"), tmp_path)
    assert exact


def test_a_trained_embedding_is_frozen_as_it_was_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(MODELS["tiny_bert"], "epochs", 1)
    text = "data=notes&model=tiny_bert(width=8,init='trained'{})&attack=dager"
    free, frozen = (meet_client(Scenario.parse(text.format(more)), Site(None, tmp_path, "cpu")) for more in ("", ",frozen='embedding'"))
    assert torch.equal(free.net.module.embedding.words, frozen.net.module.embedding.words) and free.accuracy == frozen.accuracy
