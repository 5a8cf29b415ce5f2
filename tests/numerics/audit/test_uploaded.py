"""What a page computes of a net and records that were handed over is what the same call from Python gives."""

from __future__ import annotations

import io
import json
import time

import numpy as np
import pytest
import torch
from torch import nn

import invviz
from invviz.core.errors import UploadError
from invviz.datasets.own import write_safetensors
from invviz.engine.client import Site
from invviz.engine.intake import Handed, module_of, take
from invviz.report.audit import uploaded
from invviz.ui.pool import PrivatePool
from invviz.ui.private import PrivateDesk

SETTINGS = {"seconds": 10.0, "seed": 5, "attacks": "linear_layer", "defense": "gaussian_noise(sigma=0.01)"}


def theirs() -> nn.Module:
    """A net as somebody writes it, with weights of its own."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(30, 40), nn.Tanh(), nn.Linear(40, 3))


LAYERS = json.dumps(
    {
        "input": [1, 5, 6],
        "layers": [
            {"layer": "flatten"},
            {"layer": "linear", "out_features": 40},
            {"layer": "tanh"},
            {"layer": "linear", "out_features": 3},
        ],
    }
)


def handed(net: nn.Module, x: np.ndarray, y: np.ndarray, layers: str = LAYERS) -> Handed:
    weights, data = io.BytesIO(), io.BytesIO()
    write_safetensors({name: value.numpy() for name, value in net.state_dict().items()}, weights)
    np.savez(data, x=x, y=y)
    return Handed({"layers": layers}, ("w.safetensors", weights.getvalue()), [("d.npz", data.getvalue())])


def order(found, settings: dict = SETTINGS) -> tuple[dict, dict]:
    arrays = {"inputs": found.inputs, "targets": found.targets, **{f"weight {name}": value for name, value in found.weights.items()}}
    return {"net": dict(found.net), "settings": settings, "weights_seed": 7}, arrays


def close(a, b) -> None:
    """Plain words and numbers, numbers to 1e-6; how long things took may differ, and whose the weights are said to be."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for name in a.keys() - {"seconds", "made", "weights"}:
            close(a[name], b[name])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            close(one, other)
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=1e-6, abs=1e-6)
    else:
        assert a == b


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_pages_audit_is_that_of_the_python_call(dtype):
    rng, net = np.random.default_rng(0), theirs().to(getattr(torch, dtype))
    x, y = rng.random((2, 1, 5, 6)).astype(dtype), np.array([2, 0])
    made, arrays = uploaded(*order(take(handed(net, x, y))), lambda event: True)
    wanted = invviz.audit(net, torch.from_numpy(x), torch.from_numpy(y), **SETTINGS)
    close({**made, "settings": ""}, {**wanted.to_json(), "settings": ""})
    assert (made["asked"]["weights"], wanted.asked["weights"]) == ("handed over as a file", "those of the module that was handed over")
    assert made["facts"]["dtype"] == dtype and len(made["records"]) == 2 and made["risk"]["invre"] > 0
    np.testing.assert_allclose(arrays["ideal"], wanted.ideal, atol=1e-6)
    np.testing.assert_allclose(arrays["truth"], wanted.truth, atol=1e-6)


def test_drawn_weights_are_said_with_their_seed():
    found = take(
        Handed(
            {"layers": LAYERS},
            None,
            handed(theirs(), np.random.default_rng(0).random((1, 1, 5, 6)).astype(np.float32), np.array([1])).files,
        )
    )
    made, _ = uploaded(*order(found, {"attacks": "none"}), lambda event: True)
    assert made["asked"]["weights"] == "drawn with seed 7, none were handed over"
    assert made["notes"][0] == "Weights: drawn with seed 7, none were handed over."


def test_rows_with_real_labels_have_the_squared_error():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 6)), rng.standard_normal(2)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    layers = {"input": [6], "layers": [{"layer": "linear", "out_features": 5}, {"layer": "tanh"}, {"layer": "linear", "out_features": 1}]}
    settings = {"seconds": 5.0, "attacks": "none", "bounds": [-3.0, 3.0]}
    made, _ = uploaded(*order(take(handed(net, x, y, json.dumps(layers))), settings), lambda event: True)
    wanted = invviz.risk(
        net, torch.from_numpy(x), torch.from_numpy(y), lambda out, t: nn.functional.mse_loss(out[:, 0], t), seconds=5, bounds=(-3.0, 3.0)
    )
    assert made["risk"]["invre"] == pytest.approx(wanted.invre, abs=1e-6) and made["asked"]["loss"] == "mean_squared_error"


def test_a_net_of_the_house_has_the_weights_of_the_seed_and_takes_others():
    from invviz.models import MODELS

    net = {"registry": "mlp(width=9)", "classes": 4}
    own = MODELS["mlp"](width=9).build((1, 1, 6), 4, 11).state_dict()
    assert all(torch.equal(value, own[name]) for name, value in module_of(net, (6,), {}, 11).state_dict().items())
    given = {name: np.full(tuple(value.shape), 0.5, np.float64) for name, value in own.items()}
    found = module_of(net, (6,), given, 11).state_dict()
    assert all(value.dtype == torch.float64 and bool((value == 0.5).all()) for value in found.values())
    with pytest.raises(UploadError, match="13,000,000 are taken"):
        module_of({"registry": "mlp(width=4096)", "classes": 4}, (3, 64, 64), {}, 11)


def test_a_private_worker_audits_in_memory_and_stops_when_asked(tmp_path):
    """Through the pool and the pipe, as the page has it: the same numbers; one that is stopped says so; a net that cannot be audited is said in words."""
    rng, net = np.random.default_rng(0), theirs()
    x, y = rng.random((1, 1, 5, 6)).astype(np.float32), np.array([1])
    header, arrays = order(take(handed(net, x, y)))
    pool = PrivatePool(Site(None, tmp_path, "cpu"))
    desk = PrivateDesk(pool)

    def ended(key: str):
        until = time.monotonic() + 120
        while desk.job(key).active:
            assert time.monotonic() < until
            time.sleep(0.05)
        return desk.job(key)

    desk.audit("one", header, arrays)
    assert ended("one").state == "done"
    wanted = invviz.audit(net, torch.from_numpy(x), torch.from_numpy(y), **SETTINGS)
    close({**desk.result("one"), "settings": "", "versions": ""}, {**wanted.to_json(), "settings": "", "versions": ""})
    assert desk.arrays("one")["truth"].shape == (1, 1, 5, 6)
    long = {**SETTINGS, "attacks": "dlg(steps=5000)", "seconds": 100.0}
    desk.audit("two", {**header, "settings": long}, arrays)
    until = time.monotonic() + 60
    while desk.job("two").phase != "attack" and time.monotonic() < until:
        time.sleep(0.05)
    desk.stop("two")
    assert ended("two").state == "stopped" and desk.result("two")["attacks"][0]["stopped"]
    desk.audit("three", header, {**arrays, "inputs": rng.random((1, 7)).astype(np.float32)})
    assert ended("three").state == "failed" and "does not take this batch" in desk.job("three").error
    desk.close()
    assert not list(tmp_path.iterdir())
