"""See through gradients, and labels counted off a gradient: closed forms, finite differences, numpy, and where they must fail."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from seen import SITE, seen_by

from invviz.attacks import ATTACKS
from invviz.attacks._labels import Count, last_layer, least, never_negative, rounded
from invviz.attacks._starts import Registration, disagreement, loss_of_each, shifts
from invviz.attacks._statistics import remembering, statistics_distance
from invviz.attacks.see_through import DISTANCES
from invviz.core.rng import stream
from invviz.core.types import Batch, Net
from invviz.engine.attack import run
from invviz.engine.client import meet_client
from invviz.engine.observe import observe
from invviz.scenario import Scenario, problems


def overheard(text):
    return seen_by(f"attack=see_through&{text}")[1:]


def pictures(*shape, seed=0):
    return torch.rand(shape, generator=stream(seed, "pictures"), dtype=torch.float64)


def last_gradient(probabilities, labels, features):
    """Gradient of the last layer, written out: mean of (p - y) h^T and of p - y."""
    error = probabilities - np.eye(probabilities.shape[1])[labels]
    return {"weight": torch.as_tensor(error.T @ features / len(labels)), "bias": torch.as_tensor(error.mean(0))}


def drawn(labels, classes, confidence=0.0, seed=0):
    """Probabilities and non-negative features of samples; with confidence 1 the net is sure of the true label."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, 30.0), len(labels))
    p = (1 - confidence) * p + confidence * np.eye(classes)[labels]
    return last_gradient(p, labels, rng.exponential(size=(len(labels), 40)))


# counting


def test_counts_are_certain_where_the_closed_form_says_so():
    """ceil(-b db_c) = n_c as soon as b times the mean probability of every class in the batch is below 1: 6 samples, 10 classes of about 0.1 each."""
    for seed in range(20):
        labels = np.random.default_rng(seed).integers(0, 10, 6)
        assert least(drawn(labels, 10, seed=seed), 6, True).tolist() == np.bincount(labels, minlength=10).tolist()


def test_bounds_never_promise_too_much():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 5, 24)
        message = drawn(labels, 5, rng.uniform(), seed)
        truth = np.bincount(labels, minlength=5)
        assert (least(message, 24, True).numpy() <= truth).all()
        clipped = {k: 0.2 * v for k, v in message.items()}
        assert (least(clipped, 24, True).numpy() <= truth).all()
        noise = np.random.default_rng(seed + 100)
        noisy = {k: v + 0.05 * torch.as_tensor(noise.normal(size=tuple(v.shape))) for k, v in message.items()}
        assert (least(noisy, 24, True).numpy() <= truth).all()


def test_counts_follow_from_the_probabilities_exactly():
    labels = np.random.default_rng(1).integers(0, 10, 64)
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(10), 64)
    db = last_gradient(p, labels, rng.exponential(size=(64, 5)))["bias"]
    counts = rounded(64 * (torch.as_tensor(p.mean(0)) - db), 64, torch.zeros(10, dtype=torch.float64))
    assert counts.tolist() == np.bincount(labels, minlength=10).tolist()


def test_rounding_by_largest_remainder_within_bounds():
    zero = torch.zeros(4)
    assert rounded(torch.tensor([1.6, 1.3, 0.9, 0.2]), 4, zero).tolist() == [2, 1, 1, 0]
    assert rounded(torch.tensor([3.6, -0.6, 0.5, 0.5]), 4, zero).tolist() == [4, 0, 0, 0]
    assert rounded(torch.tensor([2.4, 1.4, 1.2, -1.0]), 4, zero).tolist() == [2, 1, 1, 0]
    assert rounded(torch.tensor([2.7, 1.0, 0.2, 0.1]), 4, torch.tensor([0.0, 0.0, 0.0, 1.0])).tolist() == [2, 1, 0, 1]
    assert rounded(torch.tensor([0.0, 0.0, 0.0, 0.0]), 2, torch.ones(4)).sum() == 2


@pytest.mark.parametrize("model", ["mlp", "lenet", "convnet"])
@pytest.mark.parametrize("size", [1, 3, 16])
def test_labels_of_an_untrained_net_are_counted(model, size):
    for seed in range(4):
        client, obs = overheard(f"data=digits(index={7 * seed})&model={model}&batch={size}&seed={seed}")
        assert Count.of(obs, stream(seed, "attack")).labels.tolist() == client.batch.label.sort().values.tolist()


def test_counting_needs_no_bias_and_stands_several_local_steps():
    client, obs = overheard("data=digits&model=lenet&batch=8")
    truth = client.batch.label.sort().values.tolist()
    name = list(obs.message)[-1]
    without = lambda tree: {k: v for k, v in tree.items() if k != name}  # noqa: E731
    blind = dataclasses.replace(obs, message=without(obs.message), release=lambda net, batch, rng: without(obs.release(net, batch, rng)))
    assert Count.of(blind, stream(0, "attack")).labels.tolist() == truth
    client, obs = overheard("data=digits&model=lenet&batch=8&protocol=hfl(local_steps=4,lr=0.05)")
    found = Count.of(obs, stream(0, "attack"))
    assert found.labels.tolist() == truth


LOCAL = ["hfl(local_steps=20,lr=0.5)", "hfl(local_steps=10,lr=0.001)", "hfl(local_steps=4,lr=0.05)", "hfl"]


@pytest.mark.parametrize("protocol", LOCAL)
@pytest.mark.parametrize("model", ["mlp(width=16)", "mlp(width=32,init='trained')"])
def test_no_more_labels_are_called_certain_than_are_right(protocol, model):
    """The bound is for the mean of gradients: the update of several steps over their number and learning rate. It must not promise what is not there, nor nothing."""
    certain = []
    for index in (0, 37):
        client, obs = overheard(f"data=digits(index={index})&model={model}&batch=16&protocol={protocol}")
        found = Count.of(obs, stream(1, "attack"))
        truth = torch.bincount(client.batch.label, minlength=10)
        steps, lr = (int(protocol[16:].split(",")[0]), float(protocol[:-1].split("=")[-1])) if "(" in protocol else (1, 1.0)
        mean = {k: v.double() / (steps * lr) for k, v in last_layer(obs.message).items()}
        low = least(mean, 16, never_negative(obs.net, obs.template))
        assert (low <= truth).all() and int(low.sum()) >= 1
        certain.append(
            f"at least {int(low.sum())} of 16 certain if nothing altered the message" if low.sum() < 16 else "all certain if nothing"
        )
        assert certain[-1] in found.note
    if protocol == LOCAL[0] and model == "mlp(width=16)":
        wild = least({k: v.double() for k, v in last_layer(obs.message).items()}, 16, True)
        assert int(wild.sum()) == 16 and (wild > truth).sum() == 3, "taken for one gradient it would promise 16 labels, some wrong"


def test_bounds_that_contradict_themselves_promise_nothing():
    """Signs of a gradient, five of each: every column adds up to 0, and each class would take all samples."""
    signs = torch.tensor([1.0, -1.0] * 5, dtype=torch.float64)
    assert not least({"weight": signs[:, None].expand(10, 4), "bias": signs}, 6, True).any()
    assert least({"weight": signs[:, None].expand(10, 4) / 6, "bias": signs / 6}, 6, True).tolist() == [0, 1] * 5


def test_labels_are_not_certain_where_a_defense_is_known_to_have_altered_the_message():
    _, obs = overheard("data=digits&model=lenet&batch=4&defense=pruning(fraction=0.5)&attacker=aware")
    found = Count.of(obs, stream(1, "attack"))
    assert not found.certain and "not certain, as a defense altered the message" in found.note


def test_what_features_cannot_be_is_told_by_the_build_of_a_net_not_by_a_few_pictures():
    """GELU's features are all positive on some pictures and negative on others: no bound may rest on them. ReLU's and sigmoid's never are negative."""
    for model, never in (("convnet", True), ("lenet", True), ("mlp", True), ("mlp(act='softplus')", True), ("convnet(act='gelu')", False)):
        _, obs = overheard(f"data=digits&model={model}&batch=2")
        assert never_negative(obs.net, obs.template) == never
    for model in ("mlp(act='tanh')", "mlp(act='elu')", "mlp(act='leaky_relu')", "vit(width=16)"):
        _, obs = overheard(f"data=digits&model={model}&batch=2")
        assert not never_negative(obs.net, obs.template)


def test_a_confident_net_hides_how_often_a_class_occurs():
    """Three samples of class 0, and the net is sure of all: the gradient is all but zero, and only that class 0 occurs is certain."""
    message = drawn(np.array([0, 0, 0, 1]), 4, confidence=0.999)
    assert least(message, 4, True).tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("act", ["tanh", "relu"])
def test_features_that_are_negative_prove_no_class(act):
    """With tanh the rows of absent classes have negative entries, too: no bound may come from them."""
    for seed in range(3):
        client, obs = overheard(f"data=digits&model=mlp(act='{act}')&batch=12&seed={seed}")
        found, truth = Count.of(obs, stream(seed, "attack")), client.batch.label.sort().values.tolist()
        assert found.labels.tolist() == truth
        absent = [c for c in range(10) if c not in truth]
        rows = list(obs.message.values())[-2][absent]
        assert bool((rows < 0).any()) == (act == "tanh") or not absent
        assert least(last_layer(obs.message), 12, act == "relu")[absent].sum() == 0


def test_odd_expectations_end():
    wild = torch.tensor([torch.nan, 1e12, -1e12, torch.inf])
    assert rounded(wild, 3, torch.zeros(4)).sum() == 3
    message = {k: 1e30 * v for k, v in drawn(np.array([0, 1, 1]), 4).items()}
    assert least(message, 3, True).max() <= 3
    assert rounded(wild, 3, least(message, 3, True)).sum() == 3


@pytest.mark.parametrize("attack", ["see_through(steps=2,restarts=2)", "idlg(steps=2)"])
@pytest.mark.parametrize("factor", [0.0, 1e30, float("inf"), float("nan")])
def test_an_odd_message_of_a_batch_ends_in_words(attack, factor):
    scenario = Scenario.parse(f"data=digits&model=lenet(width=4)&batch=3&attack={attack}")
    obs = observe(scenario, meet_client(scenario, SITE))
    odd = dataclasses.replace(obs, message={k: factor * v for k, v in obs.message.items()})
    found = scenario.attack.reconstruct(odd, stream(1, "attack"), lambda step: True)
    assert found.failed
    assert found.note
    assert torch.isfinite(found.batch.image).all()
    assert len(found.batch.label) == 3


def test_a_message_without_its_last_layer_is_counted_in_words():
    _, obs = overheard("data=digits&model=lenet&batch=4")
    hidden = dataclasses.replace(obs, message={k: torch.zeros_like(v) for k, v in obs.message.items()})
    found = Count.of(hidden, stream(0, "attack"))
    assert len(found.labels) == 4
    assert not found.certain
    assert "at least 0 of 4" in found.note


def test_noise_takes_the_certainty():
    _, obs = overheard("data=digits&model=convnet&batch=6")
    assert Count.of(obs, stream(0, "attack")).certain
    _, obs = overheard("data=digits&model=convnet&batch=6&defense=gaussian_noise(sigma=1.0)")
    assert not Count.of(obs, stream(0, "attack")).certain


def test_idlg_takes_batches():
    scenario = Scenario.parse("data=digits&model=lenet&batch=2&attack=idlg(steps=150)")
    assert not problems(scenario)
    found = run(scenario, SITE)
    assert found.guessed_labels.tolist() == found.labels.tolist()
    assert "counted" in found.note
    assert min(found.scores["psnr"]) > 20


# several starts


def test_the_group_term_has_the_slope_of_finite_differences_and_vanishes_for_equal_starts():
    images, labels = pictures(3, 2, 1, 5, 5), torch.tensor([0, 0])
    registration = Registration.of(images, images[0], labels, 2)
    assert torch.autograd.gradcheck(lambda x: disagreement(x, registration), images.requires_grad_())
    same = pictures(1, 2, 1, 5, 5).expand(3, -1, -1, -1, -1)
    assert float(disagreement(same, Registration.of(same, same[0], labels, 2))) == pytest.approx(0, abs=1e-30)


def test_the_group_term_by_hand():
    images = pictures(3, 1, 1, 4, 4)
    still = Registration.of(images, images[0], torch.tensor([0]), 0)
    spread = images.numpy()
    assert float(disagreement(images, still)) == pytest.approx(3 * ((spread - spread.mean(0)) ** 2).mean())


def test_registration_undoes_a_known_shift_and_a_known_order():
    reference, labels = pictures(4, 3, 8, 8), torch.tensor([1, 1, 1, 2])
    moved = torch.stack([reference[k].roll(by, (1, 2)) for k, by in ((2, (1, -2)), (0, (0, 2)), (1, (-1, -1)), (3, (2, 0)))])
    images = torch.stack([reference, moved])
    assert torch.equal(Registration.of(images, reference, labels, 2).apply(images)[1], reference)
    error, shift = shifts(moved[3:], reference[3:], 2)
    assert shift[0, 0].tolist() == [-2, 0]
    assert float(error) == pytest.approx(0, abs=1e-9)
    short = Registration.of(images, reference, labels, 1).apply(images)[1]  # three of the four lie further off than one pixel
    assert not torch.allclose(short[3], reference[3])
    other = Registration.of(images, reference, torch.tensor([1, 2, 3, 4]), 2).apply(images)[1]  # other labels are never exchanged
    assert not torch.allclose(other[0], reference[0])


@pytest.mark.parametrize("model", ["lenet", "convnet"])
@pytest.mark.parametrize("distance", DISTANCES)
def test_starts_side_by_side_equal_starts_one_by_one(model, distance):
    _, obs = overheard(f"data=digits&model={model}&batch=2&dtype=float64")
    images = pictures(3, *obs.template.image.shape).requires_grad_()
    loss = lambda image: DISTANCES[distance](obs.simulate(Batch.of(image, torch.tensor([1, 5]))), obs.message)  # noqa: E731
    together, alone = loss_of_each(loss, images), torch.stack([loss(image) for image in images])
    assert torch.allclose(together, alone, rtol=1e-10)
    slopes = [torch.autograd.grad(losses.sum(), images)[0] for losses in (together, alone)]
    assert torch.allclose(*slopes, rtol=1e-8, atol=1e-12)


def test_a_release_that_branches_is_simulated_one_by_one():
    loss = lambda image: image.sum() if float(image.sum()) > 0 else -image.sum()  # noqa: E731
    assert loss_of_each(loss, torch.tensor([[1.0], [-2.0]])).tolist() == [1, 2]


def test_two_starts_without_a_pull_are_two_searches():
    text = "data=digits&model=lenet&batch=2&dtype=float64&attack=see_through(steps=16,restarts={},labels='known',group={})"
    client = meet_client(Scenario.parse(text.format(1, 0)), SITE)

    def found(restarts, group=0.0, skip=0):
        scenario, rng = Scenario.parse(text.format(restarts, group)), stream(3, "attack")
        for _ in range(skip):
            torch.randn(client.batch.image.shape, generator=rng, dtype=torch.float64)
        return scenario.attack.reconstruct(observe(scenario, client), rng, lambda step: True)

    both, first, second, pulled = found(2), found(1), found(1, skip=1), found(2, group=1.0)
    best = min(first, second, key=lambda one: one.loss)
    assert both.loss == pytest.approx(best.loss, rel=1e-6)
    assert torch.allclose(both.batch.image, best.batch.image, atol=1e-6)
    assert "2 starts" in both.note
    assert pulled.loss != both.loss


# batch-norm statistics


def small_norms(trained):
    nn = torch.nn
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Flatten()).double()
    if trained:
        for _ in range(3):
            module(torch.rand(5, 1, 8, 8, dtype=torch.float64))
    return Net.of(module)


def test_the_batch_norm_term_by_hooks_and_numpy():
    net, images = small_norms(True), pictures(2, 3, 1, 8, 8)
    layers = remembering(net)
    inputs = []
    handles = [layer.register_forward_hook(lambda m, args, out: inputs.append(args[0].numpy())) for layer in layers]
    expected = np.zeros(2)
    for start in range(2):
        inputs.clear()
        net.module(images[start])
        for layer, x in zip(layers, inputs, strict=True):
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
            expected[start] += np.linalg.norm(mean - layer.running_mean.numpy()) + np.linalg.norm(variance - layer.running_var.numpy())
    for handle in handles:
        handle.remove()
    assert np.allclose(statistics_distance(net, layers, images).numpy(), expected)
    assert not any(layer._forward_pre_hooks for layer in layers), "hooks are gone"
    assert torch.autograd.gradcheck(lambda x: statistics_distance(net, layers, x), images.requires_grad_())


def test_fresh_batch_norm_says_nothing():
    assert len(remembering(small_norms(True))) == 2
    assert remembering(small_norms(False)) == []


def test_what_it_asks_to_be_told():
    kind = ATTACKS["see_through"]
    assert "labels" not in kind().wants().words()
    assert kind(labels="known").wants().labels
    assert kind(bn=0.1).wants().bn_statistics
    assert not kind(bn=0.0).wants().bn_statistics


@pytest.mark.parametrize(
    ("model", "seen", "letter"), [("lenet(width=4)", 0, "B"), ("preact(width=4)", 0, "B"), ("preact(width=4)", 3, "E")]
)
def test_it_is_told_statistics_only_where_there_are_some(model, seen, letter):
    """It asks for them every time; a net without batch norm has none, and those of a fresh one say nothing."""
    s = Scenario.parse(f"data=digits&model={model}&batch=2&attack=see_through(bn=0.1)")
    client = meet_client(s, SITE)
    for layer in client.net.module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.num_batches_tracked.fill_(seen)
    told = observe(s, client).knowledge
    assert s.attack.wants().threat_model() == "E"
    assert (told.bn_statistics, told.threat_model()) == (letter == "E", letter)
    assert ("batch-norm statistics" in told.words()) == (letter == "E")


def test_batch_norm_statistics_pull_a_start_towards_them():
    """The term alone (no group, no message of weight): its loss falls where it is on, and the rest of the search is untouched where the net has none."""
    net = small_norms(True)
    images = pictures(1, 2, 1, 8, 8).requires_grad_()
    before = statistics_distance(net, remembering(net), images)
    (slope,) = torch.autograd.grad(before.sum(), images)
    assert float(statistics_distance(net, remembering(net), images - 1e-3 * slope).detach()) < float(before.detach())
    texts = [f"data=digits&model=lenet(width=4)&batch=2&attack=see_through(steps=3,restarts=2,bn={bn})" for bn in (0.0, 1.0)]
    assert np.array_equal(*(run(Scenario.parse(text), SITE).guess for text in texts))


# the whole


def test_a_batch_of_untrained_convnet_comes_back():
    found = run(Scenario.parse("data=digits&model=convnet&batch=2&attack=see_through(steps=120,restarts=2)"), SITE)
    assert min(found.scores["psnr"]) > 25
    assert found.guessed_labels.tolist() == found.labels.tolist()
    assert "2 starts" in found.note


def test_a_drowned_message_is_not_reproduced_and_says_so():
    found = run(
        Scenario.parse("data=digits&model=convnet&batch=2&attack=see_through(steps=40,restarts=2)&defense=gaussian_noise(sigma=50.0)"), SITE
    )
    assert found.failed
    assert "not reproduced" in found.note
