"""Labels told from returned gradients: scores against scikit-learn and closed forms, exact where the embedding is the class scores, chance where labels are shuffled."""

import json
import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from invviz.cli import main
from invviz.core.errors import ScenarioError
from invviz.engine.client import Site, meet_client
from invviz.engine.label_inference import hinted, norm_aucs, returned, tried
from invviz.scenario import Scenario

RNG = np.random.default_rng(0)
SPLIT = "data=digits&model=mlp(width=16)&protocol=vfl(parties=1)"


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path, "cpu")


def test_the_auc_of_norms_is_scikit_learn_s():
    labels, norms = RNG.integers(0, 4, 200), RNG.random(200).round(1)  # with ties
    for one, found in enumerate(norm_aucs(norms, labels)):
        assert found == pytest.approx(roc_auc_score(labels == one, norms))
    assert math.isnan(norm_aucs(norms[:5], np.zeros(5, int))[0])


def test_gradients_at_class_scores_tell_the_label_exactly():
    """p - e_y has one negative entry, the label's; a trial on no net at all finds the same, and so does a hint."""
    scores = torch.tensor(RNG.standard_normal((300, 10)), requires_grad=True)
    labels = torch.tensor(RNG.integers(0, 10, 300))
    (rows,) = torch.autograd.grad(torch.nn.functional.cross_entropy(scores, labels), scores)
    assert np.array_equal(tried(rows, scores, torch.nn.Identity(), 10), labels.numpy())
    assert torch.equal(rows.argmin(1), labels) and bool(((rows < 0).sum(1) == 1).all())
    assert hinted(rows.numpy(), labels.numpy(), 0)[0] > 0.95
    shuffled = RNG.permutation(labels.numpy())
    assert hinted(rows.numpy(), shuffled, 0)[0] == pytest.approx(0.1, abs=0.03)
    assert float((tried(rows, scores, torch.nn.Identity(), 10) == shuffled).mean()) == pytest.approx(0.1, abs=0.06)
    assert all(abs(auc - 0.5) < 0.2 for auc in norm_aucs(rows.norm(dim=1).numpy(), shuffled))


def test_the_hint_is_the_nearest_example_by_angle():
    """Three directions, lengths of all sizes: told wholly. Opposite to all of them: nothing known is near."""
    corners = np.eye(3)
    labels = RNG.integers(0, 3, 60)
    rows = corners[labels] * RNG.uniform(0.01, 100, 60)[:, None] + 1e-6
    assert hinted(rows, labels, 0) == (1.0, 0.0)
    assert math.isnan(hinted(corners, np.arange(3), 0)[0]), "all examples are known"


@pytest.mark.parametrize("rest", ["", "&batch=4", "&defense=gaussian_noise(sigma=0.5)&batch=4"])
def test_what_comes_back_is_the_gradient_of_the_server_s_loss(site, rest, monkeypatch):
    """Without a defense: the module's own gradient, by hooks. With noise: at what was sent, so a trial on the server's net is still exact."""
    kept = {}
    monkeypatch.setattr(
        "invviz.engine.label_inference.hinted", lambda rows, labels, seed: kept.update(rows=rows, labels=labels) or (0.0, 0.0)
    )
    s = Scenario.parse(SPLIT + "&dtype=float64" + rest)
    found = returned(s, site)
    assert found.pictures == 500
    assert found.trial_known == 1.0
    if rest.startswith("&defense"):
        return
    client = meet_client(s, site)
    public = client.samples.public
    image, label = (torch.as_tensor(a) for a in public.take(range(len(public))))
    embedding = client.net.module.bottoms[0](image.double()).detach().requires_grad_()
    logits = client.net.module.top(embedding)
    (rows,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, label, reduction="sum") / s.batch, embedding)
    p = logits.softmax(1) - torch.nn.functional.one_hot(label, 10)
    weight = next(v for k, v in client.net.params.items() if k.startswith("top.") and v.ndim == 2)
    assert torch.allclose(rows, p @ weight / s.batch), "the closed form of a linear top net"
    distance = torch.cdist(torch.as_tensor(kept["rows"]), rows.detach())
    assert float(distance.min(1).values.max()) < 1e-6, "each is the gradient of one public picture"
    assert np.array_equal(label[distance.argmin(1)].numpy(), kept["labels"])


def test_a_fresh_net_tells_nearly_all_to_a_hint_and_little_by_norms(site):
    """At the start all p are alike, so the gradient is that of the label: nearly as many directions as classes."""
    found = returned(Scenario.parse(SPLIT), site)
    assert found.hint > 0.9 > 0.2 > found.chance
    assert found.trial_known == 1.0
    assert found.trial < 0.5, "weights of its own say little of the server's"
    assert sum(found.shares) == pytest.approx(1)
    assert found.classes == tuple(range(10))
    assert "party" not in found.given and "gradients" in found.given


def test_two_parties_and_those_that_put_theirs_together(site):
    text = "data=digits&model=mlp(width=16)&protocol=vfl(parties=2,party={},together={})"
    one, other, both = (returned(Scenario.parse(text.format(*k)), site) for k in ((0, 1), (1, 1), (0, 2)))
    assert one.trial is None and one.trial_known is None and both.trial is None
    assert one.norm_auc != other.norm_auc != both.norm_auc
    assert min(one.hint, other.hint, both.hint) > 0.5
    assert "trial" not in one.given


def test_only_where_embeddings_are_sent(site):
    with pytest.raises(ScenarioError, match="protocol=vfl"):
        returned(Scenario.parse("data=digits&model=mlp"), site)
    with pytest.raises(ScenarioError, match="made for gradients"):
        returned(Scenario.parse(SPLIT + "&defense=soteria"), site)
    assert returned(Scenario.parse(SPLIT + "&defense=nopeek"), site).pictures == 500, "a fresh net, before it is trained"


def test_the_attack_and_the_victim_play_no_part(site):
    one, other = (returned(Scenario.parse(SPLIT + rest), site).to_json() for rest in ("", "&attack=rmle&attacker=aware&floor=0.5"))
    assert {k: v for k, v in one.items() if k != "seconds"} == {k: v for k, v in other.items() if k != "seconds"}


def test_the_verb(capsys, tmp_path):
    assert main(["labels", SPLIT, "--set", f"store={tmp_path}", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["pictures"] == 500 and len(facts["norm_auc"]) == 10 and facts["trial_known"] == 1.0
    assert main(["labels", SPLIT.replace("parties=1", "parties=2"), "--set", f"store={tmp_path}"]) == 0
    words = capsys.readouterr().out
    assert "the attacker is party 0, not the server" in words and "chance" in words and "not possible" in words
    assert main(["labels", "data=digits&model=mlp"]) == 2
    assert "protocol=vfl" in capsys.readouterr().err
