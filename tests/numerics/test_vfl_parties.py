"""Vertical FL: quadrants, parties that put their embeddings together, and the same embedding asked for several times."""

import numpy as np
import pytest
import torch

from invviz.attacks._decoding import decoder
from invviz.core.tree import flatten
from invviz.core.types import Batch
from invviz.defenses import ressfl
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.engine.summary import risk_summary
from invviz.protocols import VFL
from invviz.risk import Prior
from invviz.scenario import Scenario, problems


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path, "cpu")


def test_quadrants_make_up_the_picture():
    pictures = np.random.default_rng(0).random((2, 3, 7, 8), dtype=np.float32)
    a, b, c, d = (VFL(parties=4, split="quadrants", party=k).part(pictures) for k in range(4))
    assert np.array_equal(np.concatenate([np.concatenate([a, b], 3), np.concatenate([c, d], 3)], 2), pictures)
    lower = VFL(parties=4, split="quadrants", party=2, together=2)
    assert np.array_equal(lower.part(pictures), np.concatenate([c, d], 3))
    assert lower.shape((3, 7, 8)) == (3, 4, 8)


@pytest.mark.parametrize(
    ("how", "first", "end"),
    [
        ("parties=3,party=1,together=2", 1, 3),
        ("parties=4,split='rows',together=3", 0, 3),
        ("parties=4,split='quadrants',party=2,together=2", 2, 4),
        ("parties=4,split='quadrants',together=4", 0, 4),
        ("parties=3,split='channels',party=1,together=2", 1, 3),
    ],
)
def test_parties_together_send_what_each_sends_alone(site, how, first, end):
    s = Scenario.parse(f"data=photos(size=16)&model=convnet(width=4)&protocol=vfl({how})&batch=2")
    assert not problems(s)
    client = meet_client(s, site)
    message = client.release(client.net, client.batch, None)
    assert list(message) == [f"embedding.{k}" for k in range(first, end)]
    for k in range(first, end):
        alone = meet_client(s.replace(protocol=s.protocol.of(k)), site)
        assert torch.equal(message[f"embedding.{k}"], alone.release(alone.net, alone.batch, None)["embedding"])


@pytest.mark.parametrize(
    ("data", "prior"),
    [
        ("digits&model=mlp(width=12,act='tanh')", "white"),
        ("digits&model=mlp(width=12,act='tanh')", "natural"),
        ("ecg&model=convnet1d(width=1,kernel=5,act='tanh')", "natural"),
    ],
)
def test_the_joint_risk_stacks_rows(site, data, prior):
    """Against a dense posterior from each party's own Jacobian, also under a prior by which one part tells of the other; series are cut along time."""
    cut = 2 if "ecg" in data else 1
    text = f"data={data}&protocol=vfl(parties=2,cut={cut},{{}})&prior={prior}&floor=0.05&dtype=float64"
    s = Scenario.parse(text.format("together=2"))
    found = assess(s, site)
    risk = risk_summary(s, found.decomposition, found.size, found.stages)
    rows, messages = [], []
    for k in range(2):
        alone = meet_client(s.replace(protocol=s.protocol.of(k)), site)

        def send(x, alone=alone):
            return alone.release(alone.net, Batch.of(x, alone.batch.label), None)["embedding"].flatten()

        own = torch.func.jacrev(send)(alone.batch.image).flatten(1, -s.batch - len(s.shape) + 1).flatten(1, 2)
        messages.append(send(alone.batch.image))
        half = s.shape[-1] // 2
        rows.append(torch.zeros(len(own), *s.shape, dtype=torch.float64))
        rows[-1][..., half * k : half * (k + 1)] = own.reshape(len(own), *s.shape[:-1], half)
    jacobian, message = torch.cat(rows).flatten(1).numpy(), torch.cat(messages).numpy()
    covariance = Prior(prior, s.shape).dense()
    sigma = 0.05**2 * message @ message / len(message)
    posterior = np.linalg.inv(np.linalg.inv(covariance) + jacobian.T @ jacobian / sigma)
    assert risk["invre"] == pytest.approx(1 - np.trace(posterior) / np.trace(covariance), rel=1e-4)
    assert found.decomposition.prior == prior


@pytest.mark.parametrize("defense", ["", "&defense=gaussian_noise(sigma=0.2)"])
def test_asking_again_averages_the_noise(site, defense):
    """T messages with fresh noise are one with 1/T of its variance (theory T8)."""
    text = "data=digits&model=mlp(width=24,act='tanh')&protocol=vfl&dtype=float64"
    many = Scenario.parse(f"{text}{defense}&floor=0.1&rounds=4")
    once = Scenario.parse(f"{text}{defense.replace('0.2', '0.1')}&floor=0.05")
    figures = []
    for s in (many, once):
        found = assess(s, site)
        figures.append(risk_summary(s, found.decomposition, found.size, found.stages)["invre"])
    assert figures[0] == pytest.approx(figures[1], rel=1e-6)


@pytest.mark.parametrize("attack", ["rmle(steps=300)", "dlg(steps=80,restarts=1)", "least_squares"])
def test_attacks_read_several_embeddings(site, attack):
    s = Scenario.parse(f"data=digits&model=mlp&protocol=vfl(parties=2,together=2)&attack={attack}")
    found = run(s, site)
    assert found.truth.shape == (1, 1, 8, 8)
    assert found.scores["psnr"][0] > 20


@pytest.mark.parametrize(("attack", "least"), [("rmle(steps=200)", 40), ("fora(steps=1,epochs=1)", -20)])
def test_series_are_read_off_their_embeddings(site, attack, least):
    """A search finds what a flat line has 25 dB of; one that trains nets of its own runs at all."""
    found = run(Scenario.parse(f"data=ecg&model=convnet1d(width=8)&protocol=vfl(cut=2)&attack={attack}"), site)
    assert found.truth.shape == found.guess.shape == (1, 1, 96)
    assert found.scores["psnr"][0] > least


def test_the_parts_of_a_series_follow_each_other_and_decoders_of_it_fit():
    series = np.random.default_rng(0).random((2, 3, 11), dtype=np.float32)
    along = [VFL(parties=3, party=k).part(series) for k in range(3)]
    assert np.array_equal(np.concatenate(along, 2), series) and sorted(part.shape[2] for part in along) == [3, 4, 4]
    assert np.array_equal(np.concatenate([VFL(parties=3, party=k, split="channels").part(series) for k in range(3)], 1), series)
    assert VFL(parties=3, party=1, together=2).shape((3, 11)) == (3, 8)
    for embedding in (torch.zeros(2, 5, 4), torch.zeros(2, 7)):
        assert decoder(embedding, torch.zeros(2, 3, 11), 4)(embedding).shape == (2, 3, 11)
        assert ressfl._decoder(tuple(embedding.shape[1:]), (3, 11))(embedding).shape == (2, 3, 11)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("parties=2,party=1,together=2", "together=2 from party 1 on"),
        ("parties=3,split='quadrants'", "quadrants are for 4 parties"),
        ("parties=4,split='quadrants',together=3", "make no rectangle"),
        ("parties=4,split='quadrants',party=1,together=2", "make no rectangle"),
    ],
)
def test_what_does_not_fit_says_why(how, words):
    series = problems(Scenario.parse("data=ecg&model=convnet1d&protocol=vfl(split='rows')"))
    assert series == ["vfl: series are cut along time or by channels; split is rows. Use split='columns', which is along time."]
    assert any(words in p for p in problems(Scenario.parse(f"model=mlp&protocol=vfl({how})")))


ALONE = ("clipping(clip_norm=0.5)", "pruning(fraction=0.5)", "random_pruning(fraction=0.5)", "selective_encryption(fraction=0.3)", "sign")


@pytest.mark.parametrize("defense", [*ALONE, "clipping(clip_norm=0.5)&defense=pruning(fraction=0.3)", "embedding_dropout"])
def test_every_party_defends_its_own_message(site, defense):
    s = Scenario.parse(f"data=digits&model=mlp(act='tanh')&protocol=vfl(together=2)&defense={defense}")
    assert not problems(s)
    client = meet_client(s, site)
    message = client.release(client.net, client.batch, None)
    assert list(message) == ["embedding.0", "embedding.1"]
    for k in range(2):
        alone = meet_client(s.replace(protocol=s.protocol.of(k)), site)
        assert torch.equal(message[f"embedding.{k}"], alone.release(alone.net, alone.batch, None)["embedding"])
    obs = observe(s.replace(attacker="aware"), client)
    if defense != "sign":  # of which the attacker takes the interval
        assert torch.allclose(flatten(obs.simulate(client.batch)), flatten(obs.message), atol=1e-6)
    else:
        low, high = obs.interval
        bare = client.bare(client.net, client.batch, None)
        assert list(low) == list(bare) and all(((low[k] <= bare[k]) & (bare[k] <= high[k])).all() for k in bare)


def test_what_one_party_drops_another_does_not(site):
    s = Scenario.parse("data=digits&model=mlp(act='tanh')&protocol=vfl(together=2)&defense=embedding_dropout(probability=0.5)")
    client = meet_client(s, site)
    sent = client.release(client.net, client.batch, torch.Generator().manual_seed(1))
    one, other = (leaf != 0 for leaf in sent.values())
    assert not torch.equal(one, other)


def test_the_joint_risk_of_clipped_embeddings_stacks_the_parties_own_rows(site):
    """Against a dense posterior: theory T6, party by party, then the rows of both, and stated noise after it."""
    text = "data=digits&model=mlp(width=12,act='tanh')&protocol=vfl(together=2)&floor=0.05&dtype=float64"
    s = Scenario.parse(f"{text}&defense=clipping(clip_norm=0.5)&defense=gaussian_noise(sigma=0.02,relative=False)")
    found, bare = assess(s, site), meet_client(Scenario.parse(text), site)
    risk = risk_summary(s, found.decomposition, found.size, found.stages)
    send = lambda x: torch.cat([leaf.flatten() for leaf in bare.bare(bare.net, Batch.of(x, bare.batch.label), None).values()])  # noqa: E731
    message = send(bare.batch.image).numpy().reshape(2, 12)
    jacobian = torch.func.jacrev(send)(bare.batch.image).flatten(1).numpy().reshape(2, 12, 64)
    rows = []
    for one, j in zip(message, jacobian, strict=True):
        norm = np.linalg.norm(one)
        assert norm > 0.5
        rows.append(0.5 / norm * (j - np.outer(one, one @ j) / norm**2))
    j, variance = np.concatenate(rows), 0.02**2 + 0.05**2 * 2 * 0.5**2 / 24
    posterior = np.linalg.inv(np.eye(64) / 0.25**2 + j.T @ j / variance)
    assert risk["invre"] == pytest.approx(1 - np.trace(posterior) / (64 * 0.25**2), rel=1e-4)


def test_who_knows_of_every_party_s_clipping_sees_through_it(site):
    text = "data=digits&model=mlp&protocol=vfl(together=2)&defense=clipping(clip_norm=0.2)&attack=rmle(steps=200)&attacker="
    unaware, aware = (run(Scenario.parse(text + who), site).scores["psnr"][0] for who in ("unaware", "aware"))
    assert aware > unaware + 10
