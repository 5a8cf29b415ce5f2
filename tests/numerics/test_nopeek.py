"""Defenses that act in training: NoPeek's distance correlation and ResSFL's decoder against plain computations, and what training makes of them."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from invviz.defenses import DEFENSES, Penalties, Stack
from invviz.defenses.nopeek import distance_correlation
from invviz.defenses.ressfl import explained
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.engine.pretraining import build_net
from invviz.engine.pretraining import train as train_weights
from invviz.engine.training import Deal, train
from invviz.models import MODELS
from invviz.scenario import Scenario, problems, train_problems

RNG = np.random.default_rng(0)
SPLIT = "data=digits&model=mlp(width=8,init='trained')&protocol=vfl(parties=2)"
LEARNING = "ressfl(weight=3.0,steps=20,threshold=0.0,lr=0.01)"  # whose decoder is worth a penalty after some rounds
KINDS = [DEFENSES["nopeek"], DEFENSES["ressfl"]]


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path, "cpu")


@pytest.fixture(scope="module", autouse=True)
def few_epochs():
    """Of the nets of which it is asked how they are trained, not how well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODELS["mlp"], "epochs", 2)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A place of which nothing is expected but the same trained nets, kept after the first test that needs them."""
    return Site(None, tmp_path_factory.mktemp("trained"), "cpu")


def plain_dcor(x, y):
    """Szekely, Rizzo, Bakirov 2007, definitions 4 and 5, with loops over entries."""

    def centred(rows):
        far = np.array([[np.sqrt(((p - q) ** 2).sum()) for q in rows] for p in rows])
        out = np.empty_like(far)
        for k in range(len(far)):
            for j in range(len(far)):
                out[k, j] = far[k, j] - far[k].mean() - far[:, j].mean() + far.mean()
        return out

    a, b = centred(x.reshape(len(x), -1)), centred(y.reshape(len(y), -1))
    return np.sqrt((a * b).mean() / np.sqrt((a**2).mean() * (b**2).mean()))


@pytest.mark.parametrize("count", [2, 3, 40])
def test_distance_correlation_is_the_published_one(count):
    x, noise = RNG.random((count, 2, 3, 3)), RNG.random((count, 5))
    y = np.tanh(x.reshape(count, -1)[:, :5]) + 0.5 * noise
    assert float(distance_correlation(torch.tensor(x), torch.tensor(y))) == pytest.approx(plain_dcor(x, y), rel=1e-10)


def test_its_bounds():
    x = torch.tensor(RNG.standard_normal((60, 6)))
    turn = torch.linalg.qr(torch.tensor(RNG.standard_normal((9, 6))))[0]  # orthonormal columns: 6 numbers into 9
    assert float(distance_correlation(x, 3 * x @ turn.T + 5)) == pytest.approx(1, abs=1e-9)
    many = torch.tensor(RNG.standard_normal((1500, 2)))
    assert float(distance_correlation(many[:, :1], many[:, 1:])) < 0.08
    assert float(distance_correlation(x[:1], x[:1])) == 0, "one sample has no distances"
    assert float(distance_correlation(x, torch.ones(60, 4).double())) == 0, "all embeddings alike"


def test_its_slope_is_that_of_central_differences_even_with_samples_that_are_equal():
    x = torch.tensor(RNG.random((8, 5)))
    y = torch.tensor(RNG.random((8, 4)))
    x[1], y[1] = x[0], y[0]
    live = y.clone().requires_grad_()
    (slope,) = torch.autograd.grad(distance_correlation(x, live), live)
    assert bool(torch.isfinite(slope).all())
    for row, column in [(2, 0), (5, 3), (7, 1)]:  # not the equal ones: the distance has a kink there
        step = torch.zeros_like(y)
        step[row, column] = 1e-6
        numeric = float(distance_correlation(x, y + step) - distance_correlation(x, y - step)) / 2e-6
        assert float(slope[row, column]) == pytest.approx(numeric, rel=1e-5)


def test_what_a_decoder_explains():
    truth = torch.tensor(RNG.random((30, 1, 4, 4)))
    mean = truth.mean(0, keepdim=True).expand_as(truth)
    noisy = truth + 0.1 * torch.tensor(RNG.standard_normal(truth.shape))
    r2 = 1 - ((noisy - truth) ** 2).numpy().sum() / ((truth - truth.mean(0)) ** 2).numpy().sum()
    assert float(explained(truth, truth)) == 1
    assert float(explained(mean, truth)) == pytest.approx(0, abs=1e-12)
    assert float(explained(noisy, truth)) == pytest.approx(r2)
    assert float(explained(truth[:1], truth[:1])) == 0


@pytest.mark.parametrize("shape", [(4, 5, 3), (7,)])
def test_the_decoder_learns_and_the_net_is_pushed_away(shape):
    """On embeddings that tell all, the decoder's score rises; its slope says how the embedding gets harder to invert."""
    torch.manual_seed(0)
    part = torch.rand(64, 1, 5, 3, generator=torch.Generator().manual_seed(1))
    mix = torch.randn(part[0].numel(), int(np.prod(shape)), generator=torch.Generator().manual_seed(2))
    embedding = (part.flatten(1) @ mix).reshape(64, *shape)
    penalty = DEFENSES["ressfl"](weight=2.0, threshold=0.0, lr=5e-3).penalty(part, embedding, 3)
    first = float(penalty(part, embedding))
    for _ in range(300):
        penalty(part, embedding)
    live = embedding.clone().requires_grad_()
    before = penalty(part, live)
    assert float(before.detach()) > first + 0.3
    assert float(before.detach()) <= 2.0, "weight times a share"
    (slope,) = torch.autograd.grad(before, live)
    moved = copy.deepcopy(penalty)(part, embedding - 0.05 * slope / slope.norm() * embedding.norm())
    assert float(moved) < float(before.detach())
    kind = DEFENSES["ressfl"](weight=2.0, threshold=1.0).penalty(part, embedding, 3)
    assert float(kind(part, embedding)) == 0, "nothing is beyond this threshold"


@pytest.mark.parametrize("kind", KINDS)
def test_the_message_is_sent_as_it_is(kind, trained):
    s = Scenario.parse(SPLIT).replace(defense=(kind(weight=5.0),))
    client = meet_client(s, trained)
    assert client.release is client.bare
    assert kind.needs.embedding and kind().for_risk() == kind() and not kind().noisy
    assert kind(weight=0.0).off and not kind().off


@pytest.mark.parametrize("kind", KINDS)
def test_weight_0_is_training_without_it(kind, site, trained):
    """Trained weights and federated training, bit by bit. The strong one is the net of the test above."""
    s = Scenario.parse(SPLIT + "&train=federated(rounds=12,clients=10)")
    off, on = s.replace(defense=(kind(weight=0.0),)), s.replace(defense=(kind(weight=5.0),))
    places = site.cache_dir / "plain", site.cache_dir / "off", trained.cache_dir
    plain, weak, strong = (build_net(x, s.data.load(None), place)[0].params for x, place in zip((s, off, on), places, strict=True))
    assert all(torch.equal(plain[name], weak[name]) for name in plain)
    assert not all(torch.equal(plain[name], strong[name]) for name in plain)
    assert s.key("weights") == off.key("weights") != on.key("weights")
    on = s.replace(defense=(kind(weight=5.0, **({"steps": 20, "threshold": 0.0} if kind.name == "ressfl" else {})),))
    fresh = [x.replace(model=x.model.replace(init="random")) for x in (s, off, on)]
    one, two, three = (train(x, site).history for x in fresh)
    assert one == two != three


def test_weights_are_trained_on_the_sum_of_both_losses(site):
    """A loop written here, with the penalty of a distance correlation written here."""
    s = Scenario.parse(SPLIT)
    samples = s.data.load(None)
    held = np.stack([samples.public.take([k])[0][0] for k in range(64)]), samples.public.take(range(64))[1]

    class Few:
        def __len__(self):
            return 64

        def take(self, indices):
            return held[0][list(indices)], held[1][list(indices)]

    net = s.protocol.assemble(s.model, s.data.shape, 10, 1)
    mine = copy.deepcopy(net)
    train_weights(net, Few(), 2, 1e-3, 5, None, Penalties((DEFENSES["nopeek"](weight=3.0),), 5))
    optimiser = torch.optim.Adam(mine.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1e-3, total_steps=2)
    image, label = torch.as_tensor(held[0]), torch.as_tensor(held[1])

    def dcor(x, y):
        def centre(rows):
            far = (rows[:, None] - rows[None]).square().sum(-1).clamp_min(1e-30).sqrt()
            return far - far.mean(0) - far.mean(1)[:, None] + far.mean()

        a, b = centre(x.flatten(1)), centre(y.flatten(1))
        return ((a * b).mean() / ((a * a).mean() * (b * b).mean()).sqrt()).sqrt()

    for _ in range(2):
        sent = [mine.bottoms[0](image[..., :4]), mine.bottoms[1](image[..., 4:])]
        loss = torch.nn.functional.cross_entropy(mine.top(torch.cat(sent, 1)), label)
        loss = loss + 3 * (dcor(image[..., :4], sent[0]) + dcor(image[..., 4:], sent[1]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    for name, p in mine.state_dict().items():
        assert torch.allclose(p, net.state_dict()[name], atol=2e-4), name
    assert all(not bottom._forward_hooks for bottom in net.bottoms), "no hook is left behind"


def test_federated_training_is_a_plain_loop_with_the_penalty(site):
    text = "data=digits&model=mlp(width=8)&protocol=vfl(parties=2)&dtype=float64&train=federated(rounds=4,clients=6,every=1,lr=0.05,schedule='constant')"
    s = Scenario.parse(text + "&batch=2&defense=nopeek(weight=2.0)").only("train")
    found, client = train(s, site), meet_client(s.replace(defense=()), site)
    module = copy.deepcopy(client.net.module).requires_grad_(True)
    optimiser, deal = torch.optim.Adam(module.parameters(), 0.05), Deal.of(s, client.samples)
    victims = [torch.as_tensor(a) for a in client.samples.victims.take(range(500))]
    for done in range(4):
        image, label = client.samples.public.take(deal.drawn(done)[1].tolist())
        image = torch.as_tensor(image).double()
        parts = [image[..., :4], image[..., 4:]]
        sent = [bottom(part) for bottom, part in zip(module.bottoms, parts, strict=True)]
        loss = torch.nn.functional.cross_entropy(module.top(torch.cat(sent, 1)), torch.as_tensor(label))
        loss = loss + 2 * sum(distance_correlation(part, one) for part, one in zip(parts, sent, strict=True))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            logits = module(victims[0].double())
        assert found.history[done][1] == pytest.approx(float((logits.argmax(1) == victims[1]).double().mean()))
        assert found.history[done][2] == pytest.approx(float(torch.nn.functional.cross_entropy(logits, victims[1])), rel=1e-7)


@pytest.mark.parametrize("defenses", [("nopeek",), (LEARNING, "gaussian_noise")])
def test_a_killed_training_goes_on_to_the_same_end(site, monkeypatch, defenses):
    """The decoder and its optimiser are kept, too."""
    rest = "".join(f"&defense={name}" for name in defenses)
    s = Scenario.parse(f"data=digits&model=mlp(width=8)&protocol=vfl(parties=2)&train=federated(rounds=9,clients=5,every=2){rest}").only(
        "train"
    )
    whole = train(s, Site(None, site.cache_dir / "other", "cpu"))
    monkeypatch.setattr("invviz.engine.training.KEEP_EVERY", 0.0)

    class Killed(BaseException):
        pass

    def report(event):
        if event.phase == "train" and event.done == 6:
            raise Killed
        return True

    with pytest.raises(Killed):
        train(s, site, report)
    seen = []
    again = train(s, site, lambda event: seen.append(event.done) or True)
    assert seen[0] > 1, "it goes on"
    assert again.history == whole.history


def decoded(net, how, samples):
    """What a decoder written here, a least squares map of embeddings, explains of held-out pictures' parts."""

    def rows(pictures, count):
        image = torch.as_tensor(pictures.take(range(count))[0])
        part = how.part(image)
        with torch.no_grad():
            sent = net.module.bottoms[how.party](part).flatten(1)
        return torch.cat([sent, torch.ones(count, 1)], 1).double(), part.flatten(1).double()

    sent, part = rows(samples.public, 1200)
    new, truth = rows(samples.victims, 400)
    ridge = 1e-6 * torch.eye(sent.shape[1]).double() * float((sent**2).sum(1).mean())
    guess = new @ torch.linalg.solve(sent.T @ sent + ridge, sent.T @ part)
    return 1 - float(((guess - truth) ** 2).sum() / ((truth - truth.mean(0)) ** 2).sum())


@pytest.mark.parametrize("text", ["nopeek(weight=0.3)", "ressfl(weight=0.3)"])
def test_a_weight_hides_more_and_the_net_still_classifies(text, trained):
    s = Scenario.parse("data=digits&model=convnet(width=8,init='trained')&protocol=vfl(parties=2,cut=2)")
    samples = s.data.load(None)
    plain, accuracy = build_net(s, samples, trained.cache_dir)
    net, left = build_net(Scenario.parse(f"{s.text()}&defense={text}"), samples, trained.cache_dir)
    assert decoded(net, s.protocol, samples) < decoded(plain, s.protocol, samples) - 0.15
    assert accuracy > 0.9
    assert left > 0.75


@pytest.mark.parametrize("kind", KINDS)
def test_an_aware_attacker_gets_the_same_message_and_the_same_release(kind, trained):
    s = Scenario.parse(SPLIT + "&attack=rmle(steps=20)").replace(defense=(kind(weight=5.0),))
    knows = s.replace(attacker="aware")
    client = meet_client(s, trained)
    one, two = observe(s, client), observe(knows, client)
    assert torch.equal(one.message["embedding"], two.message["embedding"])
    assert torch.equal(one.simulate(client.batch)["embedding"], two.simulate(client.batch)["embedding"])
    assert two.noise == 0 and two.seen is None and two.interval is None
    assert "the defense" in run(knows, trained).given
    assert run(s, trained).scores["psnr"] == run(knows, trained).scores["psnr"]


@pytest.mark.parametrize("kind", KINDS)
def test_where_they_fit(kind):
    fresh = Scenario.parse("data=digits&model=mlp&protocol=vfl(parties=2)&attack=rmle").replace(defense=(kind(),))
    assert any("acts while a net is trained" in p and "model=mlp(init='trained')" in p for p in problems(fresh))
    assert not train_problems(fresh)
    assert not problems(Scenario.parse(SPLIT + "&attack=rmle").replace(defense=(kind(),)))
    gradients = Scenario.parse("data=digits&model=mlp(init='trained')").replace(defense=(kind(),))
    assert any("protects embeddings" in p for p in problems(gradients))
    assert any("protects embeddings" in p for p in train_problems(gradients))


def test_keys():
    """Weights depend on what acts in training, and on no other defense; the spectrum depends on the weights."""
    s = Scenario.parse(SPLIT)
    trained = Scenario.parse(SPLIT + "&defense=nopeek&defense=gaussian_noise")
    assert trained.key("weights") == Scenario.parse(SPLIT + "&defense=nopeek").key("weights") != s.key("weights")
    assert trained.key("weights") != Scenario.parse(SPLIT + "&defense=nopeek(weight=2.0)").key("weights")
    assert Scenario.parse(SPLIT + "&defense=gaussian_noise").key("weights") == s.key("weights")
    for kind in ("run", "risk", "train"):
        assert Scenario.parse(SPLIT + "&defense=nopeek").key(kind) != s.key(kind)
    other = trained.replace(protocol=dataclasses.replace(trained.protocol, party=1))
    assert other.key("weights") == trained.key("weights"), "all parties train"


def test_penalties_of_several_defenses_and_parties_add_up():
    parts = [torch.rand(6, 1, 2, 2), torch.rand(6, 1, 2, 3)]
    sent = [torch.rand(6, 4), torch.rand(6, 5)]
    kind = DEFENSES["nopeek"]
    both = Penalties(Stack((kind(weight=2.0), DEFENSES["gaussian_noise"](), kind(weight=0.0), kind(weight=1.0))).in_training.live, 0)
    expected = 3 * sum(plain_dcor(p.numpy().astype(float), s.numpy().astype(float)) for p, s in zip(parts, sent, strict=True))
    assert float(both(parts, sent)) == pytest.approx(expected, rel=1e-5)
    assert not Penalties(Stack((kind(weight=0.0), DEFENSES["gaussian_noise"]())).in_training.live, 0)
