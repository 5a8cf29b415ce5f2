"""Dropout at the embedding: its law, its risk against a dense posterior, attackers who know it, and training through it."""

import numpy as np
import pytest
import torch

from invviz.core.rng import stream
from invviz.core.tree import flatten
from invviz.core.types import Batch
from invviz.defenses import EmbeddingDropout
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.engine.summary import risk_summary
from invviz.engine.training import train
from invviz.risk import TAU
from invviz.scenario import Scenario, problems, risk_problems, train_problems

LINEAR = "data=digits&model=mlp(width=256)&protocol=vfl(parties=1,activated=False)&dtype=float64"


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path, "cpu")


@pytest.mark.parametrize(("scaled", "mean"), [(True, 1.0), (False, 0.7)])
def test_entries_are_dropped_one_by_one_and_afresh(site, scaled, mean):
    """Binomial counts, no entry or sample favoured, the stated mean."""
    s = Scenario.parse(f"{LINEAR}&defense=embedding_dropout(probability=0.3,scaled={scaled})&batch=2")
    client = meet_client(s, site)
    bare = client.bare(client.net, client.batch, None)["embedding"]
    sent = torch.stack([client.release(client.net, client.batch, stream(k, "draw"))["embedding"] for k in range(400)])
    kept = (sent != 0).double()
    assert float(kept.mean()) == pytest.approx(0.7, abs=4 * (0.21 / kept.numel()) ** 0.5)
    assert float((kept.mean(0) - 0.7).abs().max()) < 5 * (0.21 / 400) ** 0.5
    assert abs(np.corrcoef(kept[:, 0].flatten(), kept[:, 1].flatten())[0, 1]) < 0.02, "every sample its own"
    values = sent[kept.bool()] / bare.expand_as(sent)[kept.bool()]
    assert torch.allclose(values, torch.full_like(values, mean / 0.7))


def test_the_risk_is_the_mean_over_draws(site):
    """Dense posteriors over 60 fresh draws, rows gone and the others divided by 1 - p, with the floor of the typical message."""
    text = LINEAR.replace("256", "48") + "&floor=0.05"
    s = Scenario.parse(f"{text}&defense=embedding_dropout(probability=0.4)")
    found = assess(s, site)
    risk = risk_summary(s, found.decomposition, found.size, found.stages)
    bare = meet_client(Scenario.parse(text), site)
    send = lambda x: flatten(bare.bare(bare.net, Batch.of(x, bare.batch.label), None))  # noqa: E731
    jacobian = torch.func.jacrev(send)(bare.batch.image).flatten(1).numpy() / 0.6
    scores = []
    for k in range(60):
        rows = jacobian[np.random.default_rng(k).random(48) >= 0.4]
        posterior = np.linalg.inv(np.eye(64) / TAU**2 + rows.T @ rows / risk["sigma"] ** 2)
        scores.append(1 - np.trace(posterior) / (64 * TAU**2))
    assert risk["invre"] == pytest.approx(np.mean(scores), abs=0.04)
    assert np.std(scores) < 0.08
    assert any("typical draw" in words for words in risk["caveats"])
    whole = risk_summary(s.replace(defense=()), *_assessed(Scenario.parse(text), site))
    assert risk["invre"] < whole["invre"] - 0.15


def _assessed(s, site):
    found = assess(s, site)
    return found.decomposition, found.size, found.stages


@pytest.mark.parametrize(("probability", "exact"), [(0.5, True), (0.85, False)])
def test_who_skips_the_zeros_solves_a_linear_bottom_while_enough_entries_are_left(site, probability, exact):
    text = f"{LINEAR}&defense=embedding_dropout(probability={probability})&attack=least_squares"
    aware, unaware = (run(Scenario.parse(f"{text}&attacker={who}"), site) for who in ("aware", "unaware"))
    sent = int((observe(s := Scenario.parse(text), meet_client(s, site)).message["embedding"] != 0).sum())
    assert (sent >= 64) == exact
    assert f"rank {min(sent, 64)} of 64" in aware.note
    assert (aware.scores["psnr"][0] > 150) == exact
    assert unaware.scores["psnr"][0] < 20, "who takes the zeros for values"


@pytest.mark.parametrize("scaled", [True, False])
def test_what_the_aware_believe_in(site, scaled):
    text = f"data=digits&model=mlp&protocol=vfl&attacker=aware&defense=embedding_dropout(probability=0.4,scaled={scaled})"
    gain = 1 / 0.6 if scaled else 1.0
    for more in ("", "&defense=clipping(clip_norm=0.1)"):
        s = Scenario.parse(text + more)
        client = meet_client(s, site)
        obs = observe(s, client)
        torch.testing.assert_close(flatten(obs.simulate(client.batch)), flatten(obs.message))
        assert torch.equal(flatten(obs.seen), (flatten(obs.message) != 0).float())
    s = Scenario.parse(f"{text}&defense=gaussian_noise(sigma=0.1)")
    client = meet_client(s, site)
    obs = observe(s, client)
    assert obs.seen is None, "noise covers the zeros"
    bare = flatten(client.bare(client.net, client.batch, None))
    torch.testing.assert_close(flatten(obs.simulate(client.batch)), bare * gain * 0.6)
    s = Scenario.parse(f"{text}&defense=pruning(fraction=0.2)")
    client = meet_client(s, site)
    obs = observe(s, client)
    torch.testing.assert_close(flatten(obs.simulate(client.batch)), bare * gain * flatten(obs.seen))


def test_training_through_it_reaches_accuracy_and_pays_for_it(site):
    text = "data=digits&model=mlp&protocol=vfl&train=federated(rounds=60,clients=20,every=20)&defense=embedding_dropout(probability={})"
    some, most = (train(Scenario.parse(text.format(p)), site).accuracy for p in (0.5, 0.97))
    assert some > 0.65 and most < 0.35


def test_what_does_not_fit_says_why():
    s = Scenario.parse("data=digits&model=mlp&protocol=vfl&defense=embedding_dropout")
    assert not problems(s) and not risk_problems(s) and not train_problems(s)
    assert any("other entries of every message" in p for p in risk_problems(s.replace(rounds=3)))
    assert not problems(s.replace(rounds=3)), "attacks read every round's own draw"
    assert any("protects embeddings" in p for p in problems(Scenario.parse("model=mlp&defense=embedding_dropout")))
    assert any("embedding_dropout" in p for p in problems(Scenario.parse("model=mlp&protocol=vfl&defense=dropout")))


def test_further_messages_fill_the_gaps(site):
    text = f"{LINEAR.replace('256', '96')}&defense=embedding_dropout(probability=0.6)&attack=least_squares&attacker=aware&rounds="
    one, three = (run(Scenario.parse(text + n), site).scores["psnr"][0] for n in ("1", "4"))
    assert one < 60 < three


def test_traffic():
    assert EmbeddingDropout(probability=0.5).traffic(100, 32) == (50, 32, 2)
