"""An audit of sentences: bits against a brute-force posterior, what attacks read, the least noise, what is refused, and that no sentence is in a report."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch
from torch import nn

import invviz
from invviz.core.errors import InvvizError, UploadError
from invviz.core.messages import Message
from invviz.datasets import DATASETS, read_vocabulary
from invviz.engine.audit import text_advice
from invviz.engine.audit._word_bits import _least
from invviz.engine.audit.subject import NotAuditable
from invviz.engine.audit.text_subject import text_subject
from invviz.engine.bits import LEVELS
from invviz.engine.intake import Handed, _child, ordered
from invviz.report.audit import uploaded

WORDS = ["anna", "has", "gout", "ben", "flu", "and"]
TOKENS = torch.tensor([[1, 2, 3, 0], [4, 2, 5, 0]])


class Reader(nn.Module):
    """A language model as people write one: places counted from what comes in, torch's own layers, no mark in front."""

    def __init__(self, words: int = 7, width: int = 16, length: int = 4) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tok, self.pos = nn.Embedding(words, width), nn.Embedding(length, width)
        layer = nn.TransformerEncoderLayer(width, 2, 16, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, words, bias=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        length = ids.shape[1]
        later = torch.triu(torch.full((length, length), float("-inf"), dtype=self.head.weight.dtype), 1)
        return self.head(self.body(self.tok(ids) + self.pos(torch.arange(length)), mask=later))


class Bag(nn.Module):
    """Scores of classes from the mean of the words, in whatever order."""

    def __init__(self, words: int = 7, width: int = 5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.emb, self.head = nn.Embedding(words, width), nn.Linear(width, 3)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        there = (ids != 0)[..., None]
        return self.head((self.emb(ids) * there).sum(1) / there.sum(1))


class Marked(Reader):
    """The same with a mark in front, so that every word and the end are foretold."""

    def __init__(self) -> None:
        super().__init__(length=5)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.pad(ids, (1, 0)))


def own_loss(outputs: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(outputs[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), ignore_index=0)


def gradient(net: nn.Module, ids: torch.Tensor) -> np.ndarray:
    loss = own_loss(net(ids), ids)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(net.parameters()))]).numpy()


@pytest.fixture(scope="module")
def found():
    return invviz.audit_text(
        Reader().double(), TOKENS, WORDS, defense="gaussian_noise(sigma=20.0)", attacks=["dager", "embedding_rows"], floor=0.0
    )


def test_bits_are_those_of_a_posterior_by_hand(found):
    """Every word in one place, its message by autograd, and the posterior over 1,000 draws of noise of its own; 400 draws and these are each off by about 0.03 bits."""
    net, whole = Reader().double(), gradient(Reader().double(), TOKENS)
    sigma, rng = 20.0 * np.sqrt((whole**2).mean()), np.random.default_rng(1)
    row = next(r for r in found.records if r.record == 1)
    for place in (0, 2):
        tried = TOKENS.repeat(6, 1, 1)
        tried[:, 1, place] = torch.arange(1, 7)
        sent = np.array([gradient(net, one) for one in tried])
        true = int(TOKENS[1, place]) - 1
        seen = sent[true] + sigma * rng.standard_normal((1_000, whole.size))
        square = np.stack([((seen - one) ** 2).sum(1) for one in sent], 1) / (2 * sigma**2)
        share = np.exp(square.min(1, keepdims=True) - square)
        share /= share.sum(1, keepdims=True)
        bits = np.log2(6) + (share * np.log2(np.maximum(share, 1e-300))).sum(1).mean()
        assert row.bits[place] == pytest.approx(bits, abs=0.12)
        assert 0.02 < bits < np.log2(6) - 0.02
    assert found.findings.counted.entropy == pytest.approx(np.log2(6))
    assert found.findings.counted.share == pytest.approx(np.mean([b for r in found.records for b in r.bits]) / np.log2(6))


def test_records_are_ordered_and_no_word_is_in_a_report(found):
    shares = [row.share for row in found.records]
    assert shares == sorted(shares, reverse=True)
    assert [row.words for row in found.records] == [3, 3]
    for form in ("html", "json", "csv"):
        text = found.text(form).lower()
        assert not any(f"{word} " in text for word in ("anna", "gout", "ben", "flu"))
    told = json.loads(found.text("json"))
    assert told["schema"] == "invviz.audit.text/1" and "psnr" not in found.text("json")
    assert "bits of a word" in str(found) and "dB" not in str(found)
    assert found.vocabulary.sentence(found.truth[0]) == "anna has gout"


def test_torch_attention_is_read_and_the_answer_gives_the_message():
    """Without noise dager has every word that the loss foretells something from (the last one is only foretold); tag, which mixes words in the embedding, has whole sentences."""
    torch.manual_seed(0)
    found = invviz.audit_text(Reader(), TOKENS, WORDS, attacks=["dager", "tag(restarts=1,steps=80)"], within=100)
    got = {one.attack.partition("(")[0]: one for one in found.attacks}
    assert got["dager"].read == pytest.approx((2 / 3, 2 / 3)) and "rank" in got["dager"].note
    assert min(got["tag"].read) == 1.0
    assert found.invre == pytest.approx(1.0) and "read" in text_advice.said(found.findings)


def test_the_least_noise_leaves_what_was_wanted(found):
    least = found.least_noise
    again = invviz.audit_text(Reader().double(), TOKENS, WORDS, defense=least.defense, attacks="none", floor=0.0)
    most = max(bits for row in again.records for bits in row.bits) / np.log2(6)
    assert 0.07 < most <= 0.1
    assert least.now > 0.1 and again.least_noise.now == pytest.approx(most)
    curve = [1 / (1 + level) for level in LEVELS]
    assert _least(lambda level: 1 / (1 + level), curve, 0.25) == pytest.approx(3.0, rel=0.02)  # 1 / (1 + 3)
    assert _least(lambda level: 1.0, [1.0] * len(LEVELS), 0.5) == np.inf and _least(lambda level: 0.0, [0.0] * len(LEVELS), 0.5) == 0


def test_a_bag_of_words_gives_its_words_and_no_order():
    found = invviz.audit_text(Bag(), torch.tensor([[5, 2, 3, 0]]), WORDS, torch.tensor([2]), attacks="embedding_rows")
    one = found.attacks[0]
    assert (
        one.anywhere == (1.0,) and one.read == (0.0,) and one.exact == (False,) and one.note.startswith("Exact")
    )  # any order gives the message
    assert "rows" in text_advice.said(found.findings)
    assert found.findings.facts["task"] == "classification"


def test_a_net_of_the_house_is_audited_as_its_risk_is_counted():
    from invviz.engine.bits import count
    from invviz.engine.client import Site, meet_client
    from invviz.scenario import Scenario

    site = Site.from_env()
    s = Scenario.parse("data=notes(index=3)&model=tiny_bert(width=8,blocks=1)&attack=dager&defense=gaussian_noise(sigma=10.0)&floor=0.01")
    client = meet_client(s, site)
    net = client.net.module.requires_grad_(True)
    found = invviz.audit_text(net, client.batch.private, s.data.vocabulary, client.batch.label, defense=list(s.defense), attacks="none")
    told = count(s, site, client=client).summary()
    assert found.records[0].bits == pytest.approx(told["bits"][0], abs=1e-3) and found.findings.counted.half == pytest.approx(
        told["half"], rel=1e-3
    )
    assert 0.1 < found.invre < 0.999


@pytest.mark.parametrize(("net", "task"), [(Reader, "next token, from the second on"), (Marked, "next token")])
def test_whole_words_as_shares_are_the_same(net, task):
    """What attackers move between words gives at whole words what the net gives of their numbers, and the same loss."""
    who = text_subject(net(), TOKENS, WORDS)
    whole = who.batch.at(nn.functional.one_hot(TOKENS, 7).float())
    assert who.facts["task"] == task and who.facts["enters"] == "tok"
    assert torch.allclose(who.net.outputs(who.net.params, whole), who.net.outputs(who.net.params, who.batch), atol=1e-6)
    assert float(who.net.loss(who.net.params, whole)) == pytest.approx(float(who.net.loss(who.net.params, who.batch)), rel=1e-5)


BAD = {
    "empty": ({"sentences": torch.tensor([[1, 2, 0, 0], [0, 0, 0, 0]])}, "Sentence 1 has no word"),
    "hole": ({"sentences": torch.tensor([[1, 0, 2, 0]])}, "a 0 at place 1"),
    "large": ({"sentences": torch.tensor([[1, 9, 2, 0]])}, "holds 9 at place 1"),
    "below": ({"sentences": torch.tensor([[-1, 2, 2, 0]])}, "holds -1 at place 0"),
    "reals": ({"sentences": torch.rand(1, 4)}, "invviz.audit"),
    "shape": ({"sentences": torch.tensor([1, 2, 3])}, "One sentence is x"),
    "ragged": ({"sentences": [[1, 2], [3]]}, "filled up with 0"),
    "unknown word": ({"sentences": ["anna has fever"]}, "'fever'"),
    "no words": ({"sentences": ["anna has gout"], "vocabulary": None}, "need vocabulary"),
    "twice": ({"vocabulary": ["a", "b", "a"]}, "more than once"),
    "blank": ({"vocabulary": ["a b", "c"]}, "no word"),
    "many": ({"vocabulary": [f"w{k}" for k in range(20)]}, "7 rows"),
    "kind": ({"vocabulary": {"a": 1}}, "vocabulary is dict"),
    "classes": ({"module": Bag(), "targets": torch.tensor([0, 7])}, "0 to 7"),
    "no targets": ({"module": Bag()}, "No targets were given"),
    "length": ({"sentences": torch.tensor([[1, 2, 3, 4, 5, 6]])}, "does not take this batch"),
    "defense": ({"defense": "invl_gnp"}, "continuous numbers"),
    "attack": ({"attacks": "dlg"}, None),
    "few": ({"similar": torch.tensor([[1, 2]])}, "at least 2"),
    "seconds": ({"seconds": -1.0}, "above 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused_in_words(name):
    given, words = BAD[name]
    args = {"module": Reader(), "sentences": TOKENS, "vocabulary": WORDS, **given}
    if words is None:  # an attack on other samples is told of, not refused
        assert "sentences" in invviz.audit_text(**args).attacks[0].error
        return
    with pytest.raises((InvvizError, NotAuditable)) as refused:
        invviz.audit_text(**args)
    assert words in str(refused.value) and str(refused.value).rstrip().endswith(".")


def test_counting_ends_with_its_time_and_says_so():
    found = invviz.audit_text(Reader(), TOKENS, WORDS, attacks="none", within=1e-3)
    assert found.invre is None and "There was no time" in found.findings.uncounted and found.least_noise is None
    assert "not counted" in str(found) and found.text("html")


def test_a_message_is_read_without_the_sentences():
    """The house's net in double precision: dager has them all, in some order."""
    from invviz.scenario import Scenario

    s = Scenario.parse("data=notes&model=tiny_lm(width=32)")
    net = s.model.build((8,), s.data.num_classes, 0).double().requires_grad_(True)
    ids = torch.tensor(s.data.load(None).victims.take([0, 1])[0][:, :8])
    loss = s.model.task.loss(net(ids), {"tokens": ids})
    sent = dict(zip(dict(net.named_parameters()), torch.autograd.grad(loss, list(net.parameters())), strict=True))
    found, words = invviz.reconstruct_text(sent, net, (2, 8), s.data.vocabulary, seconds=20)
    assert found.best.attack == "dager" and found.best.misfit < 1e-8 and not found.failed
    assert {words.sentence(row.numpy()) for row in found.inputs["input"]} == {words.sentence(row.numpy()) for row in ids}
    with pytest.raises(InvvizError, match="words of the longest one"):
        invviz.reconstruct_text(sent, net, (2, 8, 1), s.data.vocabulary)


def handed(net: dict, *files: tuple[str, bytes], labels: str = "") -> tuple[dict, dict]:
    return _child.taken(Message(*ordered(Handed(net, None, files, labels))))


EMBEDS = {
    "layers": json.dumps(
        {
            "input": [4],
            "layers": [
                {"layer": "embedding", "num_embeddings": 7, "embedding_dim": 3},
                {"layer": "flatten"},
                {"layer": "linear", "out_features": 3},
            ],
        }
    )
}
LISTED = ("vocabulary.txt", "\n".join(WORDS).encode())


def npz(**arrays: np.ndarray) -> tuple[str, bytes]:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return "x.npz", out.getvalue()


def test_what_a_page_takes_is_what_python_takes():
    told, arrays = handed(EMBEDS, ("s.txt", b"anna has gout\nBen has flu\n"), LISTED, labels="0, 2")
    assert arrays["inputs"].tolist() == TOKENS.tolist() and arrays["targets"].tolist() == [0, 2]
    facts = told["facts"]
    header = {"net": EMBEDS, "weights_seed": 3, "vocabulary": facts["vocabulary"], "foretells": facts["foretells"]}
    found, made = uploaded({**header, "settings": {"attacks": "embedding_rows", "first": 5}}, arrays, lambda _: True)
    assert {row["record"] for row in found["records"]} == {5, 6} and found["counted"]["entropy"] == pytest.approx(np.log2(6))
    assert json.loads(made["words"].tobytes().decode())[1:] == WORDS and made["truth"].tolist() == TOKENS.tolist()
    notes = handed({"registry": "tiny_lm(width=16)", "classes": 3}, ("n.txt", b"give anna costa\n"))[0]["facts"]
    assert notes["net"]["classes"] == DATASETS["notes"].num_classes and notes["foretells"]
    own = handed({"registry": "tiny_lm(width=16)", "classes": 3}, ("n.txt", b"zebras eat grass\n"))[0]["facts"]
    assert own["vocabulary"] == ["eat", "grass", "zebras"]


REFUSED = {
    "letters": ([("a.npz", npz(x=TOKENS.numpy() / 2.0)[1])], "no whole numbers"),
    "large": ([("a.npz", npz(x=TOKENS.numpy() + 5)[1])], "the largest that is known is 6"),
    "hole": ([("a.npz", npz(x=TOKENS.numpy()[:, ::-1].copy())[1])], "a 0 at place 0"),
    "picture": ([("a.png", b"x")], "this net reads sentences"),
    "two": ([("a.txt", b"anna"), ("b.txt", b"anna")], "2 files with sentences"),
    "unknown": ([("a.txt", b"anna has fever"), LISTED], "'fever'"),
    "long": ([("a.txt", b"anna has gout and flu"), LISTED], "at most 4"),
    "bytes": ([("a.txt", b"anna \xff"), LISTED], "UTF-8"),
    "list": ([("a.txt", b"anna"), ("vocabulary.txt", b"anna\nanna\n")], "line 1 and in line 2"),
    "blank": ([("a.txt", b"anna"), ("vocabulary.txt", b"anna\n\nben\n")], "line 2"),
    "nothing": ([("a.txt", b"anna"), ("vocabulary.txt", b"")], "empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_sentences_of_strangers_are_refused_in_words(name):
    files, words = REFUSED[name]
    with pytest.raises(InvvizError, match=words) as refused:
        handed(EMBEDS, *files)
    assert 20 < len(str(refused.value)) < 900


def test_a_long_vocabulary_is_not_read():
    with pytest.raises(UploadError, match="at most"):
        read_vocabulary(b"a\n" * 300_000)
