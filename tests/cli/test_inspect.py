"""`invviz inspect`: of a scenario and of a file of weights; what cannot be judged is said."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from invviz.cli import main
from invviz.datasets.own import write_safetensors
from invviz.defenses.detectors import DETECTORS
from invviz.engine.client import Site
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.report import FORMS, collect
from invviz.scenario import Scenario

HONEST = "data=digits&model=mlp(width=16)&batch=8"
PLANTED = f"{HONEST}&server=imprint(bins=32)"
WEIGHTS_ALONE = {"weight_structure", "transmit_snr"}


@pytest.fixture
def run(tmp_path, capsys):
    def run(*arguments, code=0):
        assert main(["inspect", *map(str, arguments), "--set", f"store={tmp_path}"]) == code, capsys.readouterr().err
        told = capsys.readouterr()
        return told.err if code else json.loads(told.out) if "--json" in arguments else told.out

    return run


def net(path, change=None):
    torch.manual_seed(0)
    weights = {
        k: p.detach().numpy() for k, p in nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 10)).named_parameters()
    }
    if change:
        change(weights)
    with path.open("wb") as file:
        write_safetensors(weights, file)
    return path


def test_of_an_honest_server_and_of_one_that_plants(run):
    honest, planted = (run(text, "--json") for text in (HONEST, PLANTED))
    assert honest["flagged"] == [] and "no proof that it is honest" in honest["words"]
    assert {"weight_structure", "new_layers"} <= set(planted["flagged"]) and planted["digest"] != honest["digest"]
    for found in (honest, planted):
        assert list(found["detectors"]) == list(DETECTORS)
        for one in found["detectors"].values():
            assert one["judged"] == (one["score"] is not None) and (
                one["judged"] or (not one["flagged"] and "cannot judge" in one["reason"])
            )
    assert not honest["detectors"]["model_hash"]["judged"]  # nobody else is in this scenario
    words = run(PLANTED)
    assert "FLAGGED  Weight structure" in words and planted["digest"] in words and planted["words"] in words


def test_of_words_and_of_a_server_whose_attack_does_not_fit(run):
    found = run("data=notes&model=tiny_lm&batch=2", "--json")  # dlg, the attack that a scenario names by default, reads no words
    assert found["detectors"]["dsnr"]["judged"] and not found["detectors"]["risk_jump"]["judged"]
    assert "nothing is differentiated" in found["detectors"]["risk_jump"]["reason"]


def test_of_a_file_of_weights(run, tmp_path):
    found = run(net(tmp_path / "own.safetensors"), "--json")
    judged = {name for name, one in found["detectors"].items() if one["judged"]}
    assert judged == WEIGHTS_ALONE and found["flagged"] == [] and found["file"].endswith("own.safetensors")
    assert "no batch" in found["detectors"]["dsnr"]["reason"] and "round before" in found["detectors"]["new_layers"]["reason"]

    def constant(weights):
        weights["3.weight"] = np.full((10, 216), 0.01, dtype=np.float32)

    told = run(net(tmp_path / "planted.safetensors", constant))
    assert "FLAGGED  Weight structure" in told and "layer 3" in told and "1 of the 2 detectors that could judge" in told


def test_a_file_beside_the_one_of_the_round_before_and_what_others_say(run, tmp_path):
    own = net(tmp_path / "own.safetensors")
    wider = net(tmp_path / "other.safetensors", lambda weights: weights.update({"5.bias": np.ones(3, dtype=np.float32)}))
    digest = run(own, "--json")["digest"]
    same = run(own, "--previous", own, "--digest", digest, "--digest", digest.upper(), "--json")
    assert same["flagged"] == [] and same["detectors"]["new_layers"]["judged"] and same["detectors"]["model_hash"]["score"] == 0
    other = run(wider, "--previous", own, "--digest", digest, "--json")
    assert other["flagged"] == ["new_layers", "model_hash"] and other["digest"] != digest


def test_bad_input_is_said(run, tmp_path, capsys):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    assert "broken.safetensors" in run(broken, code=1)
    assert "cannot be used" in run(tmp_path / "none.safetensors", code=1)
    pickle = tmp_path / "net.pt"
    pickle.write_bytes(b"\x80\x04")
    assert "nothing can run" in run(pickle, code=1)
    assert "go with a file" in run(HONEST, "--previous", broken, code=2)
    assert "protocol=hfl" in run("data=digits&model=mlp&protocol=vfl(parties=2,cut=1)", code=2)
    with pytest.raises(SystemExit):
        main(["inspect", str(broken), "--digest", "beef"])
    assert "64 hexadecimal digits" in capsys.readouterr().err


def test_a_worker_looks_and_a_report_tells(tmp_path):
    store, scenario = Store(tmp_path), Scenario.parse(PLANTED)
    key = store.submit("inspect", scenario, "test")
    assert key == Scenario.parse(f"{PLANTED}&attack=idlg&floor=0.3").key("inspect") != Scenario.parse(HONEST).key("inspect")
    work(store, Site(None, tmp_path), once=True)
    assert store.job(key).state == "done", store.job(key).error
    assert "weight_structure" in store.result(key)["flagged"]
    page = FORMS["html"](collect(store, [key]))
    assert "Weight structure" in page and "cannot judge" in page and "invviz inspect" in page


def test_it_says_on_stderr_what_it_is_doing(tmp_path, capsys, monkeypatch):
    """Of a file and of a scenario, every detector as it is asked; it used to say nothing."""
    monkeypatch.setattr("invviz.cli._show.LINE_EVERY", 0)
    for what in (str(net(tmp_path / "net.safetensors")), HONEST):
        assert main(["inspect", what, "--set", f"store={tmp_path}"]) == 0
        told = capsys.readouterr()
        lines = [line for line in told.err.splitlines() if line.startswith("detectors (")]
        assert len(lines) == len(DETECTORS) and all(f"{k}/{len(DETECTORS)}," in line for k, line in enumerate(lines))
        assert "detectors (" not in told.out
