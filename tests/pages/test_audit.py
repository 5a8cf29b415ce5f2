"""The page Audit: an example without files, a net of one's own with its weights and records, what was refused, the files, and that all of it is one tab's alone."""

from __future__ import annotations

import io
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from visits import alts, new_server, opened, press, said

from invviz.core.errors import InvvizError
from invviz.core.messages import Message
from invviz.datasets.own import write_safetensors
from invviz.report.audit import uploaded
from invviz.ui import pool as pools
from invviz.ui.audit import example, given, page

LAYERS = json.dumps({"input": [1, 4, 5], "layers": [{"layer": "flatten"}, {"layer": "linear", "out_features": 3}]})
X = np.random.default_rng(0).random((3, 1, 4, 5)).astype(np.float32)


class Here:
    """In place of the private worker: the test's own thread computes what it was asked, without attacks that search."""

    orders: list = []

    def __init__(self, site) -> None:
        self.alive, self.messages = True, []

    def ask(self, header, arrays):
        self.orders.append((self, header, arrays))

    def compute(self, header, arrays):
        try:
            attacks = ["dager"] if "vocabulary" in header else ["linear_layer", "features"]
            header = {**header, "settings": {**header["settings"], "attacks": attacks}}
            found, made = uploaded(header, arrays, lambda event: True)
            self.messages.append(Message({"type": "result", "kind": "audit", "stopped": False, "result": found}, made))
        except InvvizError as err:
            self.messages.append(Message({"type": "error", "error": str(err), "traceback": ""}, {}))

    def poll(self, wait):
        time.sleep(0.01)
        found, self.messages = self.messages, []
        return found

    def stop(self):
        return None

    def close(self):
        self.alive = False


@pytest.fixture
def at(store_dir, monkeypatch):
    monkeypatch.setattr(pools, "PrivateWorker", Here)
    monkeypatch.setattr(Here, "orders", [])
    yield opened("audit")
    new_server()


def settled(at):
    """The page once the audit has come to an end."""
    until = time.monotonic() + 60
    while any(b.label == "Stop" for b in at.button):
        assert time.monotonic() < until
        if Here.orders:
            worker, *order = Here.orders.pop()
            worker.compute(*order)
        time.sleep(0.05)
        at.run()
    assert not at.exception
    return at


def npz(**arrays) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def safetensors(arrays: dict[str, np.ndarray]) -> bytes:
    out = io.BytesIO()
    write_safetensors(arrays, out)
    return out.getvalue()


def hand(at, **files):
    """Puts files into the boxes: weights=(name, content), records=[(name, content), ...]."""
    if "weights" in files:
        at.file_uploader(key="own weights box").set_value((*files["weights"], "application/octet-stream"))
    if "records" in files:
        at.file_uploader(key="own records box").set_value([(*one, "application/octet-stream") for one in files["records"]])
    return at.run()


def write(at, text: str):
    at.text_area[0].set_value(text)
    return at.run()


def downloads(at) -> dict[str, str]:
    return {e.proto.label: e.proto.url for e in at.get("download_button")}


def test_a_first_visitor_has_an_example_by_one_click(at):
    assert page.EMPTY in said(at) and "Hand over records first" in said(at) and next(b for b in at.button if b.label == "Audit").disabled
    at = settled(press(at, "Try the example"))
    words = said(at)
    assert "Record 3 is" in words and "What to do" in words and "4 pictures" in words + " ".join(e.label for e in at.expander)
    assert {"record 0", "ideal attacker, record 3", "strongest attack, record 3"} <= set(alts(at))
    assert {"HTML", "JSON", "CSV"} <= set(downloads(at))
    assert any(name.startswith("Singular values of the Jacobian") for name in alts(at))


def test_sentences_by_one_click(at):
    at = settled(press(at, "Try sentences"))
    words = said(at)
    assert (
        "is read word by word by a real attack" in words
        and "2 of 2 sentences word by word" in words
        and "2 sentences" in " ".join(e.label for e in at.expander)
    )
    assert any(name.startswith("Bits learned of a word") for name in alts(at)) and {"HTML", "JSON", "CSV"} <= set(downloads(at))
    assert "dB" not in words.partition("What to do")[0].partition("In figures")[2]


def test_sentences_of_ones_own_for_layers_that_begin_with_an_embedding(at):
    layers = [{"layer": "embedding", "num_embeddings": 5, "embedding_dim": 2}, {"layer": "flatten"}, {"layer": "linear", "out_features": 2}]
    at = write(at, json.dumps({"input": [3], "layers": layers}))
    listed = ("vocabulary.txt", b"anna\nhas\ngout\nflu\n")
    at = hand(at, records=[("s.txt", b"anna has gout\n"), listed])
    assert "every sentence counts as class 0" in said(at) and "1 sentence" in " ".join(e.label for e in at.expander) + said(at)
    at = hand(at, records=[("s.txt", b"anna has fever\n"), listed])
    assert "fever" in said(at) and next(b for b in at.button if b.label == "Audit").disabled


def test_a_first_visitor_sees_an_audit_without_waiting(at):
    """The example's, made before: the same figures as those that a press on the button computes; it goes as soon as something is handed over."""
    words = said(at)
    assert "made before" in words and "Record 3 is" in words and "What to do" in words
    assert {"record 0", "ideal attacker, record 3", "strongest attack, record 3"} <= set(alts(at))
    found, arrays = example.load()
    assert found["schema"] == "invviz.audit/2" and {name: value.shape for name, value in arrays.items()} == dict.fromkeys(
        ("truth", "ideal", "guess"), (4, 1, 8, 8)
    )
    assert np.allclose(arrays["truth"], example.records()[0], atol=1e-4)
    settings = {**example.SETTINGS, "first": 0, "attacks": "none"}
    again, _ = uploaded(
        {"net": {"layers": json.dumps(example.NET)}, "settings": settings, "weights_seed": example.WEIGHTS},
        {"inputs": example.records()[0], "targets": example.records()[1]},
        lambda _: True,
    )
    assert found["risk"]["invre"] == pytest.approx(again["risk"]["invre"], abs=1e-6), "`python -m invviz.ui.audit.example` makes it again"
    best = [{row["record"]: row["ideal_psnr"] for row in one["records"]} for one in (found, again)]
    assert best[0] == pytest.approx(best[1], abs=1e-3)


def test_a_net_of_ones_own_with_weights_and_records(at):
    at = write(at, LAYERS)
    assert "63 parameters in 2 tensors; takes 1 x 4 x 5, gives 3." in said(at)
    content = safetensors({"module.1.weight": np.full((3, 20), 0.1, np.float32), "module.1.bias": np.zeros(3, np.float32)})
    at = hand(at, weights=("w.safetensors", content), records=[("d.npz", npz(x=X, y=np.array([0, 2, 1])))])
    assert "2 tensors, all of them the net's" in said(at) and "which was taken off" in said(at)
    at.number_input(key=next(n.key for n in at.number_input if n.label == "Records")).set_value(1).run()
    at = settled(press(at, "Audit"))
    assert "Record 0 is read to rounding by a real attack" in said(at)
    found = session_of(at).private.result(given_of(at).asked)
    assert found["facts"]["records"] == 1 and found["attacks"][0]["attack"] == "linear_layer"
    report = at.session_state["screen"].made()
    assert report.startswith("<!DOCTYPE html>") and "linear_layer" in report


def session_of(at):
    return at.session_state["visitor"]


def given_of(at):
    return session_of(at).handed


def test_rows_of_a_table_and_a_defense(at):
    at = write(
        at,
        json.dumps(
            {"input": [3], "layers": [{"layer": "linear", "out_features": 4}, {"layer": "tanh"}, {"layer": "linear", "out_features": 2}]}
        ),
    )
    at = hand(at, records=[("d.csv", b"a,b,c,label\n0.1,0.5,0.2,0\n0.9,0.1,0.3,1\n0.2,0.2,0.8,0\n")])
    assert "3 rows of 3." in said(at)
    box = next(b for b in at.selectbox if b.label == "Defense")
    assert not [name for name in box.options if "DnP" in name], "defenses of embeddings are not offered"
    box.select("Gaussian noise").run()
    at = settled(press(at, "Audit"))
    found = session_of(at).private.result(given_of(at).asked)
    assert found["defense"].startswith("gaussian_noise") and found["threat_model"]["aware"] and "it knows the defense" in " ".join(html(at))
    next(n for n in at.number_input if n.label == "Records").set_value(2).run()
    assert "has changed since" in said(at) and "press Audit again" in said(at)
    first = next(h for h in html(at) if "most exposed first" in h)
    for row in ("0.1, 0.5, 0.2", "0.9, 0.1, 0.3", "0.2, 0.2, 0.8"):
        assert row in first, "short rows are written out, on their own scale"
    press(at, "Audit")
    assert "the new one is being computed" in said(at), "the old one stays until then"
    at = settled(at)
    assert "has changed since" not in said(at) and session_of(at).private.result(given_of(at).asked)["facts"]["records"] == 2


def html(at) -> list[str]:
    return [e.proto.body for e in at.get("html")]


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("net.pt", b"PK\x03\x04archive/data.pkl", "reading one can run code"),
        ("net.onnx", b"\x08\x07", "folds batch norm"),
        ("w.safetensors", b"\x00" * 20, "its header is broken"),
    ],
)
def test_what_is_refused_is_said_with_the_way_out(at, name, content, words):
    at = hand(at, weights=(name, content), records=[("d.npz", npz(x=np.zeros((2, 1, 8, 8), np.float32), y=np.array([0, 1])))])
    (error,) = at.error
    assert words in error.value.replace("\\", "") and "safetensors" in error.value
    assert not at.exception and next(b for b in at.button if b.label == "Audit").disabled
    at = hand(at, weights=("w.safetensors", b""))
    assert "empty" in at.error[0].value


def test_layers_that_do_not_fit_are_named(at):
    at = write(at, LAYERS.replace('"flatten"', '"conv2d"'))
    assert "Layer 0 (conv2d) lacks out_channels" in at.error[0].value.replace("\\", "")
    at = write(at, "<img src=x onerror=alert(1)> [x](http://a.b)")
    assert "is no JSON" in at.error[0].value and "<img" not in at.error[0].value


def test_what_was_handed_over_stays_while_other_pages_are_open_and_goes_with_the_tab(at):
    at = hand(at, records=[("d.npz", npz(x=np.zeros((2, 1, 8, 8), np.float32), y=np.array([0, 1])))])
    at.switch_page("pages/results.py").run()
    at.switch_page("pages/audit.py").run()
    assert "d.npz" in said(at).replace("\\", "") and "2 pictures of 1 x 8 x 8." in said(at)
    assert "npz" not in json.dumps(dict(at.query_params)), "a link does not contain it"
    visitor = session_of(at)
    visitor.leave()
    assert visitor.handed is None


def test_a_batch_has_so_many_numbers_at_most():
    own = given.Given(count=16)
    own.taken = SimpleNamespace(inputs=np.zeros((16, 3, 200, 200), np.float32), facts={"records": 16})
    assert "at most 1,500,000 are audited here" in own.why_not()
    own.count = 12
    assert own.why_not() == ""
