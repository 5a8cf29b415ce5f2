"""Series: data, nets, the smoothness that stands for total variation, the risk score, attacks, and how near a guess is; each against something else than itself."""

import importlib.util
import math
import sys

import numpy as np
import pytest
import torch
from scipy import fft, stats

from invviz.attacks._priors import smoothness, textures, total_variation, total_variation_slope
from invviz.core.errors import DataMissing, InvvizError
from invviz.core.rng import stream
from invviz.core.tree import flatten
from invviz.core.types import Batch
from invviz.datasets.ecg import FAST, IRREGULAR, NORMAL, RATE, Ecg, _load
from invviz.datasets.gunpoint import GunPoint, read_ts
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.metrics import METRICS
from invviz.models import MODELS
from invviz.risk import Jacobian, invre, total_sigma
from invviz.risk.prior import Prior
from invviz.scenario import Scenario, problems, risk_problems


@pytest.fixture
def site(tmp_path):
    return Site(None, tmp_path)


def peaks(line):
    """How often a record in mV rises above 0.6: once a beat."""
    return int((np.diff((line > 0.6).astype(int)) == 1).sum())


def test_ecg_lies_inside_its_scale_and_its_hearts_beat_as_their_class_says():
    samples = Ecg().load(None)
    assert (len(samples.victims), len(samples.public), samples.victims.take([0])[0].shape) == (400, 2_000, (1, 1, 192))
    for part in (samples.victims, samples.public):
        assert part.values.min() > 0 and part.values.max() < 1  # nothing was cut off
    low, high = Ecg.ends
    lines, labels = samples.public.values[:, 0] * (high - low) + low, samples.public.labels
    rate = {k: np.mean([peaks(line) for line in lines[labels == k]]) * 60 / (192 / RATE) for k in (NORMAL, FAST)}
    assert 55 <= rate[NORMAL] <= 90 and 105 <= rate[FAST] <= 150
    gaps = {
        k: [np.diff(np.flatnonzero(np.diff((line > 0.6).astype(int)) == 1)) for line in lines[labels == k]] for k in (NORMAL, IRREGULAR)
    }
    uneven = {k: np.mean([g.std() / g.mean() for g in found if len(g) > 1]) for k, found in gaps.items()}
    assert uneven[IRREGULAR] > 3 * uneven[NORMAL]
    before = np.array(samples.victims.values[:5])
    _load.cache_clear()
    assert np.array_equal(before, Ecg().load(None).victims.values[:5])


HEAD = "#words\n@problemName x\n@data\n"
LINE = ",".join(["0.5", "-1", "2e-1"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEAD}{LINE}:1\n0.5,1:2\n", "line 5: a series of 2 values; every series has 3"),
        (f"{HEAD}{LINE},4:1\n", "line 4: a series of 4 values"),
        (f"{HEAD}0.5,NaN,1:1\n", "line 4: 'NaN' is no finite number"),
        (f"{HEAD}0.5,?,1:1\n", "line 4: '?' is no finite number"),
        (f"{HEAD}0.5,inf,1:1\n", "line 4: 'inf' is no finite number"),
        (f"{HEAD}{LINE}:3\n", "line 4: class '3'; allowed: 1 to 2"),
        (f"{HEAD}{LINE}\n", "line 4"),
        (f"{HEAD}:1\n", "line 4: a series of 0 values"),
        (HEAD, "holds no series"),
        ("", "holds no series"),
        (f"{LINE}:1\n", "holds no series"),
    ],
)
def test_a_ts_file_that_is_wrong_says_which_line_and_what_is_allowed(text, words, tmp_path):
    file = tmp_path / "x.ts"
    file.write_text(text)
    with pytest.raises(InvvizError) as err:
        read_ts(file, 3, 2)
    assert words in str(err.value) and str(file) in str(err.value)


def test_a_ts_file_gives_its_values_and_classes(tmp_path):
    file = tmp_path / "x.ts"
    file.write_text(f"{HEAD}{LINE}:2\n\n1, 2 ,3:1\n")
    values, labels = read_ts(file, 3, 2)
    assert values.tolist() == [[[0.5, -1, 0.2]], [[1, 2, 3]]] and labels.tolist() == [1, 0]
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvvizError, match="not a text file"):
        read_ts(file, 3, 2)


def hands(folder):
    """Two small files of GunPoint's form."""
    folder.mkdir(parents=True)
    for file, count in (("GunPoint_TEST.ts", 3), ("GunPoint_TRAIN.ts", 2)):
        rows = "\n".join(",".join(f"{math.sin(k + t / 20):.4f}" for t in range(150)) + f":{1 + k % 2}" for k in range(count))
        (folder / file).write_text(f"@data\n{rows}\n")


def test_gunpoint_is_read_from_a_folder_or_from_aeon_whose_code_is_not_run(tmp_path, monkeypatch):
    hands(tmp_path / "data" / "gunpoint")
    samples = GunPoint().load(tmp_path / "data")
    assert (len(samples.victims), len(samples.public)) == (
        3,
        2,
    ) and samples.note == "changed copy: other checksums than the published files"
    assert samples.victims.take([0])[0][0, 0, :3] == pytest.approx([(math.sin(t / 20) + 3) / 6 for t in range(3)], abs=1e-4)
    hands(tmp_path / "packages" / "aeon" / "datasets" / "data" / "GunPoint")
    (tmp_path / "packages" / "aeon" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    monkeypatch.delitem(sys.modules, "aeon", raising=False)
    importlib.invalidate_caches()
    assert len(GunPoint().load(tmp_path / "empty").victims) == 3 and "aeon" not in sys.modules


def test_gunpoint_that_is_absent_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for folder in (None, tmp_path):
        with pytest.raises(DataMissing, match="pip install --no-deps aeon") as err:
            GunPoint().load(folder)
        assert "INVVIZ_DATA" in str(err.value) and "data=ecg" in str(err.value)
    assert str(tmp_path / "gunpoint") in str(err.value)


@pytest.mark.parametrize(("values", "steps"), [(8, 24), (5, 39), (192, 1)])
def test_gru_is_that_of_torch(values, steps):
    own = MODELS["gru"](width=7, values=values).build((1, 192), 4, 3).double()
    cell = own.gru
    real = torch.nn.GRU(values, 7, batch_first=True).double()
    with torch.no_grad():
        for mine, theirs in (
            ("weight_in", "weight_ih_l0"),
            ("bias_in", "bias_ih_l0"),
            ("weight_back", "weight_hh_l0"),
            ("bias_back", "bias_hh_l0"),
        ):
            getattr(real, theirs).copy_(getattr(cell, mine))
    series = torch.rand(3, 1, 192, dtype=torch.float64)
    read = torch.cat([series[:, 0], torch.zeros(3, steps * values - 192, dtype=torch.float64)], 1).view(3, steps, values)
    assert torch.allclose(cell(series), real(read)[1][0], atol=1e-12)


def dense(client):
    """dG/dx by automatic differentiation of the whole."""

    def send(x):
        return flatten(client.release(client.net, client.batch.at(x), None))

    return torch.autograd.functional.jacobian(send, client.batch.private, vectorize=True).flatten(1)


NETS = ["convnet1d(width=2,kernel=5)", "gru(width=5,values=48)", "mlp(width=4)"]


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("defense", ["", "&defense=clipping(clip_norm=0.1)"])
def test_the_jacobian_is_that_of_automatic_differentiation(net, defense, site):
    client = meet_client(Scenario.parse(f"data=ecg(index=3)&model={net}&batch=2&dtype=float64{defense}"), site)
    found = Jacobian.of(client.release, client.net, client.batch)
    assert found.shape[1] == 2 * 192 and torch.allclose(found.dense(), dense(client), atol=1e-12)


def law(length):
    """The covariance that second differences ask for, written with dense cosines."""
    waves = fft.dct(np.eye(length), axis=0, norm="ortho")
    size = 1 / (1 + (np.arange(length) / 16) ** 4)
    return waves.T @ np.diag(0.25**2 * size / size.mean()) @ waves


@pytest.mark.parametrize("prior", ["white", "natural"])
@pytest.mark.parametrize("net", NETS)
def test_invre_is_that_of_dense_matrices(net, prior, site):
    s = Scenario.parse(f"data=ecg&model={net}&dtype=float64&prior={prior}&defense=gaussian_noise(sigma=0.1)")
    assert not risk_problems(s)
    found, slope = assess(s, site), dense(meet_client(s, site)).numpy()
    sigma = total_sigma(found.decomposition, 0.01, 0.0)
    before = np.eye(192) / 16 if prior == "white" else law(192)
    after = np.linalg.inv(np.linalg.inv(before) + slope.T @ slope / sigma**2)
    assert invre(found.decomposition, sigma) == pytest.approx(1 - np.trace(after) / np.trace(before), rel=1e-6)


def test_the_natural_prior_of_series_and_what_attackers_hold_against_rough_ones_are_one_law():
    prior, c = Prior("natural", (1, 40)), law(40)
    assert (
        np.allclose(prior.dense(), c, atol=1e-14) and np.allclose(prior.diagonal, np.diag(c)) and np.trace(c) == pytest.approx(prior.trace)
    )
    x = torch.rand(1, 1, 40, dtype=torch.float64, generator=stream(1, "series"))
    centred = x.flatten().numpy() - 0.5
    assert float(smoothness(x, 0.5)) == pytest.approx(centred @ np.linalg.inv(c) @ centred, rel=1e-8)
    drawn = textures(4_000, x, stream(2, "series"))
    assert drawn.shape == (4_000, 1, 40)
    assert np.abs(np.cov(drawn[:, 0].T.numpy()) - c).max() < 0.1 * c.max()


def test_a_straight_rise_is_smooth_and_the_slope_of_what_bends_is_that_of_autograd():
    rise = torch.linspace(0, 1, 30, dtype=torch.float64)[None, None]
    assert float(total_variation(rise)) < 1e-15  # its first differences are not small
    bent = torch.tensor([[[0.0, 0.0, 1.0, 0.0]]], dtype=torch.float64)
    assert float(total_variation(bent)) == pytest.approx((1 + 2) / 2)
    x = torch.rand(2, 3, 20, dtype=torch.float64, generator=stream(1, "bends")).requires_grad_()
    (slope,) = torch.autograd.grad(total_variation(x), x)
    assert torch.allclose(total_variation_slope(x.detach()), slope, atol=1e-15)
    assert float(total_variation(rise[..., :2])) == 0 and not total_variation_slope(rise[..., :2]).any()


def got(text, site):
    s = Scenario.parse(f"data=ecg(index=2)&{text}")
    assert not problems(s), problems(s)
    return run(s, site)


def test_closed_form_reads_a_gru_of_one_step_and_refuses_one_of_several(site):
    exact = got("model=gru(values=192)&attack=linear_layer&dtype=float64", site)
    assert exact.scores["psnr"][0] > 200 and exact.scores["correlation"][0] > 1 - 1e-12 and exact.note.startswith("Exact")
    several = problems(Scenario.parse("data=ecg&model=gru(values=96)&attack=linear_layer"))
    assert any("reads a series in 2 steps (values=192 makes it one)" in said for said in several)


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("model=mlp&attack=linear_layer&dtype=float64", 200),
        ("model=convnet1d&attack=dlg(steps=150,restarts=1)", 50),
        ("model=convnet1d(act='sigmoid')&attack=gauss_newton&dtype=float64", 100),
        ("model=convnet1d(act='sigmoid')&attack=inverting_gradients(steps=200,restarts=1)", 30),
        ("model=mlp(width=64)&attack=dlg(steps=150,restarts=1)&defense=gaussian_noise(sigma=0.02)&attacker=aware", 30),
    ],
)
def test_searches_find_a_series(text, least, site):
    found = got(text, site)
    assert found.scores["psnr"][0] > least, (found.scores, found.note)
    assert set(found.scores) == {"mse", "psnr", "correlation"} and found.guess.shape == (1, 1, 192)


def test_the_prior_helps_a_search_under_noise(site):
    """The same noise, searched with and without second differences; half of the error is gone at least."""
    text = "model=mlp(width=64)&defense=gaussian_noise(sigma=0.3)&attack=inverting_gradients(steps=200,restarts=1,tv={})"
    plain, smooth = (np.mean([got(f"{text.format(tv)}&seed={seed}", site).scores["mse"][0] for seed in (1, 2, 3)]) for tv in (0.0, 0.03))
    assert smooth < plain / 2, (smooth, plain)


def test_what_does_not_fit_series_says_so():
    for text, words in (
        ("model=lenet&attack=dlg", "lenet takes pictures; ecg is a set of time series"),
        ("model=convnet1d(kernel=10)&attack=dlg", "Use an odd number"),
        ("model=gru(values=193)&attack=dlg", "a series has 192. Set values to at most that"),
        ("model=convnet1d&attack=deep_image_prior", "reads pictures; ecg is a set of time series"),
        ("model=convnet1d&attack=see_through", "reads pictures and rows; ecg"),
        ("model=convnet1d&attack=dlg&defense=ats", "ats works on pixels with neighbours"),
        ("model=gru&attack=dlg&protocol=vfl", "gru has 0 layers with an activation"),
    ):
        assert any(words in said for said in problems(Scenario.parse(f"data=ecg&{text}"))), (
            text,
            problems(Scenario.parse(f"data=ecg&{text}")),
        )
    assert MODELS["convnet1d"](kernel=9).problems((1, 8)) == [
        "convnet1d reads 9 values at once; a series has 8. Set kernel to at most that, or use longer series."
    ]
    assert not MODELS["convnet1d"](kernel=9).problems((1, 9)) and not MODELS["gru"](values=192).problems((1, 192))


def test_correlation_is_pearsons():
    rng = np.random.default_rng(0)
    guess, truth = rng.random((5, 2, 30)), rng.random((5, 2, 30))
    score = METRICS["correlation"]().score
    by_hand = [np.mean([stats.pearsonr(guess[k, c], truth[k, c])[0] for c in range(2)]) for k in range(5)]
    assert score(guess, truth) == pytest.approx(by_hand, abs=1e-12)
    assert score(0.3 + 0.2 * truth, truth) == pytest.approx(1.0) and score(1 - truth, truth) == pytest.approx(-1.0)
    assert (score(np.full_like(truth, 0.5), truth) == 0).all() and np.isnan(score(guess, np.full_like(truth, 0.5))).all()
    assert np.isnan(score(np.zeros((1, 1, 1, 4)), np.ones((1, 1, 1, 4)))).all()  # a row is no series


@pytest.mark.parametrize(
    ("net", "epochs", "least"),
    [("convnet1d", None, 0.85), ("gru(values=24)", 15, 0.4), pytest.param("gru", None, 0.7, marks=pytest.mark.slow)],
)
def test_trained_nets_tell_rhythms_apart(net, epochs, least, site, monkeypatch):
    """Four classes; a guess is right a quarter of the time, 2.5 % more or less on 400 records."""
    monkeypatch.setattr(MODELS["gru"], "epochs", epochs or MODELS["gru"].epochs)
    s = Scenario.parse(f"data=ecg&model={net}&attack=dlg")
    client = meet_client(s.replace(model=s.model.replace(init="trained")), site)
    assert client.accuracy > least
    assert isinstance(client.batch, Batch)


def test_clients_train_a_net_of_series_together(store_dir):
    store, s = (
        Store(store_dir),
        Scenario.parse("data=ecg&model=convnet1d(width=4)&train=federated(rounds=3,clients=2)&defense=gaussian_noise(sigma=0.1)"),
    )
    key = store.submit("train", s, "test")
    work(store, Site(None, store_dir, "cpu"), once=True)
    assert store.job(key).state == "done", store.job(key).error
    assert 0 <= store.result(key)["accuracy"] <= 1 and len(store.result(key)["history"]) == 3
