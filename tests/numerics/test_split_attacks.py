"""Attacks on embeddings by those who do not know the bottom net: what they are given, what they reach, and a server that misleads the party."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from invviz.attacks import ATTACKS
from invviz.attacks._critic import mean_discrepancy
from invviz.attacks._decoding import decoder
from invviz.attacks._priors import textures, total_variation
from invviz.core.errors import ScenarioError
from invviz.core.rng import stream
from invviz.core.tree import joined
from invviz.core.types import Batch, Knowledge, Observation
from invviz.defenses import DEFENSES
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.inspect import inspect
from invviz.engine.observe import misled, observe, party_of
from invviz.scenario import Scenario, problems, risk_problems, train_problems
from invviz.scenario.families import attacks, cuts, servers
from invviz.scenario.kinds import WORK
from invviz.servers import SERVERS, ServerGradient
from tests.contracts.test_attacks import reachable

BASE = "data=digits&model=lenet(width=4)&protocol=vfl(parties=1)"
STRANGERS = [name for name, kind in ATTACKS.items() if not kind().wants().weights]
QUICK = {
    "unsplit": "unsplit(steps=4,turn=1)",
    "fora": "fora(steps=2,epochs=1,pictures=640)",
    "decoder": "decoder&server=hijacking(steps=3)",
    "inverse_network": "inverse_network(epochs=1,pictures=640)",
}


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path, "cpu")


def mean_picture(scenario, truth):
    """PSNR of the mean public picture, of each victim."""
    samples = scenario.data.load(None)
    mean = samples.public.take(range(len(samples.public)))[0].mean(0)
    return [-10 * np.log10(((mean - one) ** 2).mean()) for one in truth]


def holds(obs, wanted):
    """Names of the wanted tensors that can be reached from an observation, or whose numbers can."""
    tensors = [o.detach() for o in reachable(obs) if isinstance(o, torch.Tensor)]
    assert len(tensors) > 3
    same = lambda a, b: a.data_ptr() == b.data_ptr() or (a.numel() == b.numel() and torch.equal(a.flatten().to(b), b.flatten()))  # noqa: E731
    return {name for name, one in wanted.items() if any(same(other, one) for other in tensors)}


def test_who_is_a_stranger():
    assert STRANGERS == ["unsplit", "fora", "decoder"]
    words = {name: ATTACKS[name]().wants().words() for name in STRANGERS}
    assert all(text.startswith("message, architecture") and "net," not in text for text in words.values())
    assert "embeddings of other private pictures" in words["fora"]
    assert "malicious server" in words["decoder"]
    assert Knowledge().words().startswith("message, net")
    assert ATTACKS["decoder"]().wants().threat_model() == "malicious server"
    assert ATTACKS["fora"]().wants().threat_model() == "D"


@pytest.fixture(autouse=True)
def few_spectra(monkeypatch):
    """Noise with a shape takes a spectrum for every message."""
    monkeypatch.setattr("invviz.engine.malicious.FEW", 2)


@pytest.fixture
def small_crowd(monkeypatch):
    """Of other private pictures, for those who are not asked how well they read."""
    monkeypatch.setattr("invviz.engine.malicious.MOST", 64)


@pytest.mark.usefixtures("small_crowd")
@pytest.mark.parametrize("attacker", ["unaware", "aware"])
@pytest.mark.parametrize(
    "defense", ["", "&defense=gaussian_noise", "&defense=clipping&defense=pruning", "&defense=invl_gnp", "&defense=dropout"]
)
@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_never_holds_the_bottom_net(site, name, defense, attacker):
    for protocol in ("vfl(parties=1)", "vfl(parties=2,together=2)"):
        model = "lenet(width=4)" if "=1" in protocol else "convnet(width=3)"
        s = Scenario.parse(f"data=digits&model={model}&protocol={protocol}&attack={QUICK[name]}{defense}&attacker={attacker}")
        client = meet_client(s, site)
        true = {key: value for key, value in client.net.module.state_dict().items() if value.numel() > 1}
        bottoms, top = ({key: value for key, value in true.items() if key.startswith(part)} for part in ("bottoms.", "top."))
        assert bottoms
        assert top
        obs = observe(s, client)
        assert not holds(obs, bottoms)
        assert set(obs.net.params) == set(client.net.params)
        assert holds(obs, top) == set(top), "the top net is the server's own"
        assert not any(value.data_ptr() == obs.net.params[key].data_ptr() for key, value in client.net.params.items())


def test_the_walk_would_find_the_net(site):
    s = Scenario.parse(f"{BASE}&attack=rmle")
    client = meet_client(s, site)
    assert holds(observe(s, client), dict(client.net.params)) == set(client.net.params)


def test_the_server_of_the_training_rounds_never_holds_the_party(site, monkeypatch):
    """All that the generator can reach in the middle of the conversation, and after it."""
    s = Scenario.parse(f"{BASE}&attack={QUICK['decoder']}&batch=2")
    client, seen = meet_client(s, site), []
    true = {key: value for key, value in client.net.params.items() if key.startswith("bottoms.")}
    converse = SERVERS["hijacking"].converse

    def watched(self, obs, rng):
        assert obs.message == {}
        assert not holds(obs, true)
        talk = converse(self, obs, rng)
        sent = yield next(talk)
        while sent is not None:
            assert len(sent["embedding"]) == 64
            assert not any(leaf.requires_grad or leaf.grad_fn for leaf in sent.values()), "a graph would lead to the party"
            answer = talk.send(sent)
            assert not holds(list(talk.gi_frame.f_locals.values()), true | {"victim": client.batch.image})
            seen.append(answer)
            sent = yield answer
        try:
            talk.send(None)
        except StopIteration as end:
            return end.value

    monkeypatch.setattr(SERVERS["hijacking"], "converse", watched)
    found = run(s, site)
    assert len(seen) == 3
    after, _ = misled(s, client, lambda step: True)
    own = {key: value for key, value in after.net.params.items() if key.startswith("bottoms.")} | true | {"victim": client.batch.image}
    assert true and not any(torch.equal(after.net.params[key], value) for key, value in true.items()), "all of it was trained"
    assert not holds(observe(s, after), own), "the notes that come with the net hold the server's own nets alone"
    assert found.threat_model == "malicious server"
    assert "malicious server" in found.given
    assert "honest" in found.note


class Nudge:
    """A server that answers every round with the same gradient."""

    party_batch, party_lr = 5, 0.01

    def __init__(self, rounds):
        self.rounds, self.sent = rounds, []

    def talk(self):
        sent = yield None
        while sent is not None:
            self.sent.append(sent["embedding"])
            gradient = {"embedding": torch.ones_like(sent["embedding"])}
            sent = yield ServerGradient(
                gradient, len(self.sent), self.rounds, 0.0, lambda message: torch.zeros(1, 1, 8, 8, dtype=torch.float64)
            )
        return None


def test_a_party_trains_by_what_comes_back(site):
    """Against torch.optim on the same pictures: the answer is the gradient with respect to the embedding, the defense is passed straight through."""
    s = Scenario.parse(f"{BASE}&dtype=float64&defense=gaussian_noise(sigma=0.5)&server=hijacking")
    client, server, steps = meet_client(s, site), Nudge(7), []
    party = party_of(s, client)
    net, stopped = party.obey(server, server.talk(), lambda step: steps.append(step.number) or True)
    assert steps == [5, 7]
    assert not stopped
    bottom = s.protocol.assemble(s.model, s.data.shape, 10, s.seed).double().bottoms[0]
    optimiser = torch.optim.Adam(bottom.parameters(), 0.01)
    images = torch.as_tensor(s.data.load(None).victims.take(range(1, 500))[0]).double()
    draw = stream(s.seed, "training pictures")
    for sent in server.sent:
        clean = bottom(images[torch.randperm(499, generator=draw)[:5]])
        for _ in range(5):  # every message has noise of its own
            torch.randn(clean[:1].shape, generator=draw, dtype=clean.dtype)
        noise = (sent - clean.detach()) / clean.detach().square().mean().sqrt()
        assert 0.4 < float(noise.std()) < 0.6
        optimiser.zero_grad()
        clean.sum().backward()
        optimiser.step()
    for name, value in bottom.named_parameters():
        assert torch.allclose(net.params[f"bottoms.0.{name}"], value, rtol=1e-9)
        assert torch.equal(net.params[f"bottoms.0.{name}"], dict(net.module.named_parameters())[f"bottoms.0.{name}"])
    tops = {name for name in net.params if name.startswith("top.")}
    assert tops
    assert all(torch.equal(client.net.params[name], net.params[name]) for name in tops), "the server's own net plays no part"


@pytest.mark.parametrize(("defense", "batch"), [("", 1), ("&defense=clipping", 1), ("&defense=clipping", 3)])
def test_the_crowd_is_what_the_party_sends_of_other_pictures(site, defense, batch):
    s = Scenario.parse(f"{BASE}&attack={QUICK['fora']}&batch={batch}{defense}")
    s = s.replace(data=s.data.replace(index=2))
    client = meet_client(s, site)
    crowd = observe(s, client).collected_messages["embedding"]
    others = torch.as_tensor(s.data.load(None).victims.take([k for k in range(500) if not 2 <= k < 2 + batch])[0])
    assert len(crowd) == (500 - batch) // batch * batch
    for start in (0, 30):
        part = others[start : start + batch]
        sent = client.release(client.net, Batch.of(part, torch.zeros(batch, dtype=torch.int64)), None)["embedding"]
        assert torch.equal(crowd[start : start + batch], sent)


def test_the_crowd_has_noise_of_its_own(site):
    s = Scenario.parse(f"{BASE}&attack={QUICK['fora']}&defense=gaussian_noise(sigma=0.3)")
    client = meet_client(s, site)
    crowd = observe(s, client).collected_messages["embedding"]
    others = party_of(s, client).others(1000)
    noise = crowd - client.bare(client.net, others, None)["embedding"][: len(crowd)]
    assert 0.25 < float(noise.std() / (crowd - noise).square().mean().sqrt()) < 0.35
    assert abs(np.corrcoef(noise[0].flatten(), noise[1].flatten())[0, 1]) < 0.3


def test_kernels_tell_two_samples_apart():
    a, b, c = (torch.randn(200, 5, generator=torch.Generator().manual_seed(k), dtype=torch.float64) for k in range(3))
    a, b, c = a[:40], b[:40], c[:40]
    assert float(mean_discrepancy(a, a)) == pytest.approx(0, abs=1e-12)
    assert float(mean_discrepancy(a, b)) < 0.1 < float(mean_discrepancy(a, c + 1))
    unit = torch.cdist(torch.cat([a, b]), torch.cat([a, b])).square().sum() / (80 * 79)
    kernel = lambda x, y: sum(np.exp(-((x - y) ** 2).sum() / (w * float(unit))) for w in (0.125, 0.25, 0.5, 1, 2)) / 5  # noqa: E731
    table = np.array([[kernel(x, y) for y in [*a.numpy(), *b.numpy()]] for x in [*a.numpy(), *b.numpy()]])
    expected = table[:40, :40].mean() + table[40:, 40:].mean() - 2 * table[:40, 40:].mean()
    assert float(mean_discrepancy(a, b)) == pytest.approx(expected, rel=1e-6)


def test_textures_have_the_spectrum_of_natural_pictures():
    drawn = textures(4000, torch.zeros(1, 3, 8, 8, dtype=torch.float64), torch.Generator().manual_seed(0)).numpy()
    assert drawn.mean() == pytest.approx(0.5, abs=0.02)
    assert drawn.std() == pytest.approx(0.25, rel=0.03)
    from scipy.fft import dctn

    power = dctn(drawn - 0.5, axes=(2, 3), norm="ortho").var(axis=(0, 1))
    down, across = np.mgrid[:8, :8]
    assert np.allclose(power * (1 + down**2 + across**2) / power[0, 0], 1, atol=0.15)
    assert np.corrcoef(drawn[:, 0].ravel(), drawn[:, 2].ravel())[0, 1] == pytest.approx(0.9, abs=0.02)


def test_one_row_has_variation_across_only():
    row = torch.tensor([[[[0.0, 1.0, 0.5]]]])
    assert float(total_variation(row)) == pytest.approx(0.75)
    assert float(total_variation(row.mT)) == pytest.approx(0.75)
    assert float(total_variation(torch.ones(1, 1, 1, 1))) == 0


@pytest.mark.parametrize("embedding", [torch.zeros(2, 12), torch.zeros(2, 3, 4, 4)])
def test_a_row_of_a_table_is_decoded_by_connected_layers(embedding):
    made = decoder(embedding, torch.zeros(1, 1, 1, 9), 8)
    assert made(embedding).shape == (2, 1, 1, 9)
    assert not any(isinstance(part, torch.nn.Conv2d) for part in made.modules())


def test_embeddings_of_several_parties_are_joined():
    tree = {"embedding.0": torch.rand(3, 2, 4, 4), "embedding.1": torch.rand(3, 5)}
    assert torch.equal(joined(tree), torch.cat([tree["embedding.0"].reshape(3, -1), tree["embedding.1"]], 1))
    assert joined({"embedding": tree["embedding.0"]}) is tree["embedding.0"]


@pytest.mark.usefixtures("small_crowd")
@pytest.mark.parametrize(
    "parts",
    [
        "&batch=2",
        "&protocol=vfl(parties=2,together=2,split='rows')&model=convnet(width=3)",
        "&dtype=float64&attacker=aware&defense=clipping",
    ],
)
@pytest.mark.parametrize("name", QUICK)
def test_batches_several_parties_and_precision(site, name, parts):
    text = f"data=digits&attack={QUICK[name]}{parts}"
    text += "" if "model" in parts else "&model=lenet(width=4)&protocol=vfl(parties=1)"
    first, second = run(Scenario.parse(text), site), run(Scenario.parse(text), site)
    assert np.array_equal(first.guess, second.guess)
    assert np.isfinite(first.guess).all()
    assert first.guess.shape == first.truth.shape


@pytest.mark.parametrize("name", QUICK)
def test_stops_when_asked(site, name):
    text = (
        QUICK[name]
        .replace("steps=2", "steps=900")
        .replace("steps=3", "steps=900")
        .replace("steps=4", "steps=900")
        .replace("epochs=1", "epochs=50")
    )
    calls = []
    found = run(
        Scenario.parse(f"{BASE}&attack={text}"), site, lambda event: event.phase != "attack" or calls.append(event) or len(calls) < 2
    )
    assert found.stopped
    assert found.steps == 2  # the search; what follows is the answer's own frame
    assert len(calls) == 3 and np.allclose(calls[-1].frame, found.guess)
    assert np.isfinite(found.guess).all()


@pytest.mark.parametrize("name", ["fora", "decoder", "inverse_network"])
def test_without_public_pictures_it_says_so(site, name):
    from invviz.core.errors import InvvizError

    s = Scenario.parse(f"{BASE}&attack={QUICK[name]}")
    obs = dataclasses.replace(observe(s, meet_client(s, site)), public=None)
    with pytest.raises(InvvizError, match="public pictures"):
        if s.server.steers:
            next(s.server.converse(obs, stream(1, "attack")))
        s.attack.reconstruct(obs, stream(1, "attack"), lambda step: True)


WIDE = "data=digits&model=lenet&protocol=vfl(parties=1)"
REACH = {
    "fora(steps=300,epochs=8)": (WIDE, 2.0),
    "decoder&server=hijacking(steps=300)": (WIDE, 2.0),
    "unsplit(steps=1500)": ("data=photos(size=16)&model=convnet&protocol=vfl(parties=1)", 2.0),
    "inverse_network(epochs=8,public='textures')": (WIDE, 2.0),
    "inverse_network(epochs=12,pictures=1000,public='noise')": (WIDE, 2.0),
}


@pytest.mark.parametrize("attack", REACH)
def test_attacks_see_more_than_the_mean_picture(site, attack):
    base, margin = REACH[attack]
    s = Scenario.parse(f"{base}&attack={attack}&batch=4")
    found = run(s, site)
    assert np.mean(found.scores["psnr"]) > np.mean(mean_picture(s, found.truth)) + margin
    assert ("public data" in found.given) == (attack.startswith(("fora", "decoder")))


def test_heavy_noise_keeps_a_hijacker_out(site):
    s = Scenario.parse(f"{WIDE}&server=hijacking(steps=300)&defense=gaussian_noise(sigma=5.0)&batch=16")
    found = run(s, site)
    assert np.mean(found.scores["psnr"]) < np.mean(mean_picture(s, found.truth)) + 0.5


def test_a_server_that_answered_nothing_reads_nothing(site, monkeypatch):
    s = Scenario.parse(f"{BASE}&server=hijacking")
    found = s.attack.reconstruct(observe(s, meet_client(s, site)), stream(1, "attack"), lambda step: True)
    assert found.failed and "steered no training" in found.note
    monkeypatch.setattr("invviz.engine.malicious.Party.others", lambda self, most: None)  # a party without other pictures does not train
    alone = run(s, site)
    assert alone.failed and "answered no training round" in alone.note and alone.trace == ()
    assert isinstance(observe(s, meet_client(s, site)), Observation)


def test_other_attacks_read_the_hijacked_net_too(site):
    """The message that they see is of the net that the server steered; by torch alone on its weights."""
    s = Scenario.parse(f"{BASE}&server=hijacking(steps=3)&attack=rmle(steps=4)")
    after, _ = misled(s, meet_client(s, site), lambda step: True)
    obs = observe(s, after)
    module = after.net.module.bottoms[0]
    assert torch.allclose(obs.message["embedding"], module(after.batch.image), atol=1e-6)
    found = run(s, site)
    assert (
        found.threat_model == "malicious server" and "public data" in found.given and found.steps == 1 + 4
    )  # a report of the training rounds, then the search


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ("data=digits&model=mlp&server=hijacking&attack=dlg", "Use protocol=vfl, or server=imprint."),
        (f"{BASE}&server=hijacking&defense=invl_gnp", "takes a spectrum for every message. Use isotropic noise."),
        (f"{BASE}&server=hijacking&rounds=2&attack=rmle", "steers its training. Set rounds=1."),
        (f"{BASE}&server=honest&attack=decoder", "trained for it; the server is honest. Use server=hijacking, or another attack."),
    ],
)
def test_where_no_training_can_be_steered_it_says_so(parts, said):
    assert any(said in words for words in problems(Scenario.parse(parts))), problems(Scenario.parse(parts))
    assert not problems(Scenario.parse(f"{BASE}&server=hijacking"))


def test_the_risk_is_that_of_the_net_before_it_was_steered(site):
    s, honest = Scenario.parse(f"{BASE}&server=hijacking"), Scenario.parse(BASE)
    assert all(s.key(kind) == honest.key(kind) for kind in WORK if kind not in ("run", "inspect"))
    coloured = s.replace(defense=(DEFENSES["water_filling"](),))
    assert problems(coloured) and not risk_problems(coloured), "no training round is played for a spectrum"
    assert not train_problems(Scenario.parse("data=digits&model=mlp&server=hijacking&attack=dlg"))


def test_detectors_of_received_nets_say_that_there_is_none(site):
    with pytest.raises(ScenarioError, match="detectors of received nets have nothing to look at"):
        inspect(Scenario.parse(f"{BASE}&server=hijacking"), site)


def test_pages_show_it_where_there_is_something_to_show():
    s = Scenario.parse(f"{BASE}&server=hijacking(steps=9)")
    rows = cuts.attackers(s)
    assert list(rows) == ["rmle", "inverse_network", "decoder"] and rows["decoder"] == s
    assert all(rows[name].server.name == "honest" for name in ("rmle", "inverse_network")), "as the spectrum beside them"
    assert cuts.listed(s) and not cuts.empty(s)
    assert "plants no net" in servers.empty(s) and "The page Vertical" in servers.empty(s) and servers.in_sight(s.server) is None
    assert "hijacking" not in servers.liars() and "imprint" in servers.liars(), "grid and detectors are of servers that plant nets"
    left = servers.chosen(s, "imprint")
    assert left.server.name == "imprint" and not problems(left) and not servers.empty(left)
    assert not problems(cuts.as_vertical(left)) and cuts.as_vertical(left).server.name == "honest"
    honest = s.replace(attack=ATTACKS["rmle"](), server=SERVERS["honest"]())
    assert "Use server=hijacking" in attacks.unfit(honest)["decoder"] and "decoder" not in attacks.attackers(honest)
    assert attacks.everyone(honest)["decoder"].server == SERVERS["hijacking"]()
    assert set(attacks.everyone(honest)) == {*attacks.attackers(honest), "decoder"} and attacks.everyone(s) == attacks.attackers(s)
