"""Encryption of a part of the message: which entries are hidden, and who reads the words all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.scenario import Scenario

SITE = Site(None, Path("/nonexistent"), "cpu")
TEXT = "data=notes&model={}&dtype=float64&defense=selective_encryption(fraction={},part={!r}{})&attack={}&attacker={}"
HIDDEN = {
    ("tiny_lm", "first layer"): ["embedding.words", "embedding.positions"],
    ("tiny_lm", "first block"): [
        "block1.norm1.gain", "block1.norm2.gain", "block1.qkv.weight", "block1.out.weight", "block1.mlp.0.weight", "block1.mlp.0.bias", "block1.mlp.2.weight", "block1.mlp.2.bias"
    ],
    ("tiny_lm", "last layer"): ["head.weight"],
    ("tiny_bert", "first layer"): ["embedding.words", "embedding.positions"],
    ("tiny_bert", "last layer"): ["head.weight"],
}  # fmt: skip


def messages(text, data="notes"):
    client = meet_client(Scenario.parse(text), SITE)
    return client.bare(client.net, client.batch, None), client.release(client.net, client.batch, None)


@pytest.mark.parametrize(("model", "part"), HIDDEN)
def test_the_part_is_hidden_as_a_whole_and_nothing_else(model, part):
    whole, sent = messages(TEXT.format(model, 0.9999, part, "", "dager", "unaware"))
    assert set(HIDDEN[model, part]) <= set(whole)
    for name, leaf in whole.items():
        assert torch.equal(sent[name], torch.zeros_like(leaf) if name in HIDDEN[model, part] else leaf), name


def test_of_a_net_for_pictures_and_of_a_share_the_largest_of_that_layer():
    text = "data=digits&model=lenet&dtype=float64&defense=selective_encryption(fraction={},part={!r})&attack=dlg"
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in messages(text.format(0.5, "first layer"))[0]))
    for part, place in (("first layer", 0), ("first block", 1), ("last layer", -1)):
        whole, sent = messages(text.format(0.25, part))
        mine = [name for name in whole if name.rpartition(".")[0] == layers[place]]
        inside = torch.cat([whole[name].flatten() for name in mine])
        gone = torch.cat([sent[name].flatten() for name in mine]) == 0
        count = -(-len(inside) // 4)
        assert gone[inside.abs().topk(count).indices].all() and int((gone & (inside != 0)).sum()) == count
        assert all(torch.equal(leaf, sent[name]) for name, leaf in whole.items() if name not in mine)


def test_off_and_of_all_entries_it_is_what_it_was():
    """The knob came later: at its default it stands in no text, so that stored results keep their keys."""
    s = Scenario.parse("data=notes&model=tiny_lm&defense=selective_encryption(fraction=0.3)&attack=dager")
    assert "part" not in s.text(full=True) and s.defense[0].part == "all"
    whole, sent = messages(TEXT.format("tiny_lm", 0.0, "first layer", "", "dager", "unaware"))
    assert all(torch.equal(leaf, sent[name]) for name, leaf in whole.items())


@pytest.mark.parametrize("model", ["tiny_lm", "tiny_bert"])
@pytest.mark.parametrize(
    ("part", "attack", "reads"),
    [
        ("first layer", "dager", True),  # an encrypted embedding hides no word from who reads the attentions
        ("first layer", "embedding_rows", False),
        ("first block", "dager", False),  # its two spans are those of the first two attentions
        ("first block", "embedding_rows", True),
        ("last layer", "dager", True),
        ("last layer", "embedding_rows", True),
    ],
)
def test_who_reads_what_is_left(model, part, attack, reads):
    """No part alone protects: where one read-out fails the other reads every word, also of who is not told of the defense."""
    for who in ("unaware", "aware"):
        found = run(Scenario.parse(TEXT.format(model, 0.9999, part, "", attack, who)), SITE)
        assert found.scores["token_accuracy"] == ([1.0] if reads else [0.0]), (who, found.note)
        assert found.failed != reads
    assert ("Exact" in found.note) == reads, "who knows what was hidden is certain"
