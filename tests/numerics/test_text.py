"""Sentences: words and numbers, the language model's loss, scores of text against independent counts, and what does not go with words."""

from __future__ import annotations

import difflib
import itertools

import numpy as np
import pytest
import torch

from invviz.core.modality import TOKENS
from invviz.core.task import NEXT_TOKEN, ends
from invviz.core.types import Batch, Net
from invviz.core.vocabulary import TextData, Vocabulary
from invviz.datasets import DATASETS
from invviz.engine.client import Site, meet_client
from invviz.metrics import METRICS, match
from invviz.models import MODELS
from invviz.scenario import Scenario, problems, risk_problems, train_problems

TEXT = "data=notes&model=tiny_lm(width=16)&attack=dager&dtype=float64"
FEW = Vocabulary.of(["anna", "has", "gout"])


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path, "cpu")


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("anna has flu", "'flu', which is none of the 3 words"),
        ("", "is empty"),
        ("   ", "is empty"),
        ("anna has gout gout", "has 4 words; at most 3"),
        ("∅", "none of the 3 words"),
    ],
)
def test_what_cannot_be_read_is_named(sentence, words):
    with pytest.raises(TextData, match=words):
        FEW.encode(["gout", sentence], 3)


def test_notes_are_the_same_everywhere_and_hold_no_real_person():
    data = DATASETS["notes"]()
    samples, words = data.load(None), data.vocabulary
    assert (len(samples.victims), len(samples.public)) == (400, 2_000) and 50 <= len(words) <= 200
    tokens, labels = samples.victims.take(range(400))
    sentences = [words.sentence(row) for row in tokens]
    assert sentences[0] == "give karin ivanov 2 3 units of aspirin" and "private" not in data.citation
    assert np.array_equal(words.encode(sentences, 12), tokens)
    assert all(words.word(k) in s.split() for k, s in zip(labels, sentences, strict=True))
    assert max(len(s.split()) for s in sentences) <= 12 and len(set(sentences)) > 380


def test_the_loss_is_that_of_every_word_and_the_end_given_what_stands_before(site):
    s = Scenario.parse(TEXT + "&batch=3")
    client = meet_client(s, site)
    net, tokens = client.net, client.batch.private
    by_hand = []
    for row in tokens.tolist():
        words = [w for w in row if w]
        losses = []
        for k in range(len(words) + 1):  # alone, with nothing behind it
            alone = torch.tensor([words[:k]], dtype=torch.long).view(1, k)
            scores = net.module(alone)[0, k]
            losses.append(float(scores.logsumexp(0) - scores[[*words, 0][k]]))
        by_hand.append(np.mean(losses))
    assert float(net.loss(net.params, client.batch)) == pytest.approx(np.mean(by_hand), abs=1e-12)
    assert ends(torch.tensor([[3, 1, 0, 0]])).tolist() == [[1, 1, 1, 0, 0]]


def test_a_batchs_gradient_is_the_mean_of_its_sentences(site):
    client = meet_client(Scenario.parse(TEXT + "&batch=3"), site)
    whole = client.release(client.net, client.batch, None)
    parts = [client.release(client.net, client.batch.single(k), None) for k in range(3)]
    for name, leaf in whole.items():
        assert torch.allclose(leaf, sum(part[name] for part in parts) / 3, atol=1e-14)


def test_nobody_is_told_the_words_as_labels(site):
    from invviz.engine.observe import observe

    s = Scenario.parse(TEXT)
    obs = observe(s, meet_client(s, site))
    assert (
        not obs.knowledge.labels
        and "labels" not in obs.knowledge.words()
        and not obs.template.private.any()
        and not obs.template.label.any()
    )


def test_trained_it_foretells_more_than_before(site):
    fresh = meet_client(Scenario.parse(TEXT.replace("width=16", "width=24")), site)
    client = meet_client(Scenario.parse(TEXT.replace("width=16", "width=24,init='trained'")), site)
    hits = lambda c: float(NEXT_TOKEN.hits(c.net.outputs(c.net.params, c.batch), c.batch.inputs).mean())  # noqa: E731
    assert client.accuracy > 0.3 > 0.2 > hits(fresh), "every second word or so of a template is certain"
    assert Net.of(client.net.module, client.net.task).task is NEXT_TOKEN


def lcs_edits(a, b):
    """Levenshtein by its definition: the shortest way over all ways, counted without a table."""
    if not a or not b:
        return len(a) + len(b)
    return lcs_edits(a[1:], b[1:]) if a[0] == b[0] else 1 + min(lcs_edits(a[1:], b), lcs_edits(a, b[1:]), lcs_edits(a[1:], b[1:]))


def counted_rouge(a, b, n):
    """Runs taken out of a copy of the truth's, one by one."""
    ours, theirs = ([tuple(s[k : k + n]) for k in range(len(s) - n + 1)] for s in (a, b))
    left, same = list(theirs), 0
    for run in ours:
        if run in left:
            left.remove(run)
            same += 1
    if not ours and not theirs:
        return float(a == b)
    precision, recall = same / len(ours) if ours else 0.0, same / len(theirs) if theirs else 0.0
    return 2 * precision * recall / (precision + recall) if same else 0.0


def test_scores_of_text_against_plain_counts():
    rng = np.random.default_rng(0)
    truth, guess = rng.integers(0, 4, (2, 60, 6))
    truth[0], guess[0], guess[1] = truth[1], truth[1], 0
    plain = [[[w for w in row if w] for row in rows.tolist()] for rows in (guess, truth)]
    score = {name: METRICS[name]().score(guess, truth) for name in ("token_accuracy", "rouge_1", "rouge_2", "edit_distance")}
    for k, (g, t) in enumerate(zip(*plain, strict=True)):
        assert score["rouge_1"][k] == pytest.approx(counted_rouge(g, t, 1)) and score["rouge_2"][k] == pytest.approx(counted_rouge(g, t, 2))
        assert score["edit_distance"][k] == lcs_edits(g, t)
        places = [(a, b) for a, b in zip(guess[k], truth[k], strict=True) if b]
        assert score["token_accuracy"][k] == pytest.approx(np.mean([a == b for a, b in places]) if places else 0)
    assert [score[name][0] for name in score] == [METRICS[name].perfect for name in score]
    assert difflib.SequenceMatcher(None, plain[0][0], plain[1][0]).ratio() == 1


def test_sentences_are_matched_by_wrong_words_not_by_their_numbers():
    truth = np.array([[1, 2, 3], [100, 2, 3], [7, 8, 9]])
    guess = np.array([[99, 2, 3], [100, 2, 4], [1, 8, 9]])
    order = match(guess, truth)
    best = min(itertools.permutations(range(3)), key=lambda p: (guess[list(p)] != truth).sum())
    assert tuple(order) == best and TOKENS.settled(np.array([[1.0, np.nan]])).tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("attack=dlg", "continuous numbers; notes is a set of sentences, which are words. Use dager or embedding_rows or tag or lamp."),
        ("attack=inverting_gradients", "which are words. Use dager"),
        ("defense=invl_gnp", "asks how the message moves"),
        ("defense=soteria", "asks how the message moves"),
        ("defense=ats", "pixels with neighbours"),
        ("model=lenet", "model=tiny_lm"),
        ("protocol=vfl", "cuts pictures, rows and series"),
        ("protocol=hfl(local_steps=2)", "one gradient"),
        ("data=digits", "tiny_lm takes sentences"),
    ],
)
def test_what_needs_continuous_samples_says_so(part, words):
    name = part.split("=")[0]
    text = "&".join(p for p in TEXT.split("&") if not p.startswith(f"{name}=")) + f"&{part}"
    assert any(words in said for said in problems(Scenario.parse(text))), problems(Scenario.parse(text))


def test_pictures_are_not_read_as_text_and_text_has_no_spectrum():
    assert any("dager reads sentences" in said for said in problems(Scenario.parse("data=digits&attack=dager")))
    s = Scenario.parse(TEXT)
    assert not problems(s) and any("words do not move in small steps" in said for said in risk_problems(s))
    assert not train_problems(s), "clients train on sentences, too"
    assert all(not problems(Scenario.parse(f"{TEXT}&defense={d}")) for d in ("gaussian_noise", "clipping", "dp_sgd", "pruning", "sign"))


def test_products_are_those_of_its_linear_maps_and_attention():
    from torch.utils.flop_counter import FlopCounterMode

    model = MODELS["tiny_lm"](width=16, blocks=3)
    with FlopCounterMode(display=False) as counter:
        model.build((12,), 50, 1)(torch.ones(1, 12, dtype=torch.long))
    assert model.products((12,), 50) == counter.get_total_flops() / 2
    assert Batch({"tokens": torch.ones(1, 12, dtype=torch.long)}, {}, TOKENS).private.dtype == torch.long


def test_the_seed_decides_the_weights_and_the_global_generator_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    one, two, other = (MODELS["tiny_lm"](width=8).build((12,), 9, seed).state_dict() for seed in (7, 7, 8))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(one[k], two[k]) for k in one) and any(not torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("split", ["columns", "rows", "quadrants"])
def test_vertical_fl_says_that_it_cuts_no_sentences(split):
    from invviz.protocols.vfl import VFL

    assert "none of them" in VFL(parties=2, split=split).problems(MODELS["tiny_lm"](), (12,))[0]


def test_the_slider_reaches_noise_that_drowns_words_and_no_further_for_pictures():
    from invviz.core.modality import PICTURE
    from invviz.defenses import DEFENSES
    from invviz.studies import hiding
    from invviz.ui import strength

    noise = DEFENSES["gaussian_noise"]()
    words, pictures = (strength.options(noise, kind) for kind in (TOKENS, PICTURE))
    drowned = max(max(levels) for levels in hiding.load()["words"].values())
    assert max(pictures) == 10 == max(strength.options(noise)) and max(words) == 1000 > drowned > 10
    assert [v for v in words if v <= 10] == pictures
