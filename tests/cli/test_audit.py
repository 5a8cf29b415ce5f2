"""`invviz audit` and `invviz convert`: a net, data and weights of one's own from the command line."""

import csv
import io
import json
import sys

import numpy as np
import pytest
import torch

import invviz
from invviz.cli import main
from invviz.core.torchvision import load_torchvision
from invviz.datasets.own import OWN_DISK, read_safetensors, write_safetensors
from invviz.engine.audit.weights import load, saved_weights

NET = """
import torch
print("the code runs", file=__import__("sys").stderr)

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))

    def forward(self, x):
        return self.body(x)

class Two(Net):
    def forward(self, first, second):
        return self.body(torch.cat([first, second], 1))

net = Net()
number = 3
def broken():
    raise ZeroDivisionError("no net today")
def gives_three():
    return 3
def twice(outputs, targets):
    return 2 * torch.nn.functional.cross_entropy(outputs, targets)
"""
X, Y = np.random.default_rng(0).random((2, 6)).astype(np.float32), np.array([2, 0])
QUICK = ["--attacks", "linear_layer", "--seconds", "20"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mynet.py").write_text(NET)
    np.savez(tmp_path / "x.npz", x=X, y=Y)
    np.savez(tmp_path / "two.npz", first=X[:, :2], second=X[:, 2:], y=Y)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    (tmp_path / "x.csv").write_text(
        "a,b,c,d,e,f,outcome\n" + "\n".join(",".join(f"{v:.6f}" for v in row) + f",{y}" for row, y in zip(X, Y, strict=True))
    )
    yield tmp_path
    sys.modules.pop("mynet", None)


def test_the_audit_is_that_of_the_python_function_and_code_is_announced_before_it_runs(folder, capfd):
    assert main(["audit", "mynet:Net", "--data", "x.npz", "--labels", "y", "--to", "json", *QUICK]) == 0
    out, err = capfd.readouterr()
    assert 0 <= err.index("This imports mynet and runs its code") < err.index("the code runs")
    found = json.loads(out)
    own = invviz.audit(__import__("mynet").Net(), X, Y, attacks="linear_layer", seconds=20).to_json()
    assert found["facts"]["hashes"] == own["facts"]["hashes"]
    assert found["risk"]["invre"] == pytest.approx(own["risk"]["invre"], rel=1e-6)
    assert found["attacks"][0]["psnr"] == pytest.approx(own["attacks"][0]["psnr"], rel=1e-6)


@pytest.mark.parametrize(
    "given",
    [
        ["mynet.py:net", "--data", "x.npz", "--labels", "y"],
        ["mynet:Net", "--data", "x.npy", "--labels", "y.npy", "--records", "2"],
        ["mynet:Net", "--data", "x.csv", "--labels", "outcome"],
        ["mynet:Two", "--data", "two.npz", "--labels", "y"],
        ["mynet:Net", "--data", "x.npz", "--labels", "y", "--loss", "mynet:twice", "--bounds", "0,1"],
    ],
)
def test_ways_to_hand_over_net_data_and_loss(folder, capfd, given):
    assert main(["audit", *given, "--attacks", "none", "--out", "found.json"]) == 0
    found = json.loads((folder / "found.json").read_text())
    assert found["facts"]["trained"] == 6 * 8 + 8 + 8 * 3 + 3
    assert found["facts"]["records"] == 2
    assert found["risk"]["invre"] > 0.5


def test_public_records_of_the_same_kind(folder, capfd):
    np.savez(folder / "more.npz", x=np.random.default_rng(1).random((20, 6)), y=np.arange(20) % 3)
    assert (
        main(
            [
                "audit",
                "mynet:Net",
                "--data",
                "x.npz",
                "--labels",
                "y",
                "--similar",
                "more.npz",
                "--prior",
                "dataset",
                "--attacks",
                "none",
                "--to",
                "json",
            ]
        )
        == 0
    )
    found = json.loads(capfd.readouterr().out)
    assert found["asked"]["similar"] == 20
    assert found["risk"]["prior"] == "dataset"
    assert "The attacker has 20 public records of the same kind." in found["notes"]


def test_forms(folder, capfd):
    call = ["audit", "mynet:Net", "--data", "x.npz", "--labels", "y", "--records", "1", *QUICK]
    assert main([*call, "--out", "a.html"]) == 0
    assert (folder / "a.html").read_text().startswith("<!DOCTYPE html>")
    assert main([*call, "--to", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert sorted(row["record"] for row in rows) == ["0"]
    assert float(rows[0]["attacked_psnr"]) > 60
    assert main(call) == 0
    assert "InvRE" in capfd.readouterr().out


def test_a_message_is_read_and_the_answer_written(folder, capfd):
    module = __import__("mynet").Net()
    loss = torch.nn.functional.cross_entropy(module(torch.from_numpy(X[:1])), torch.from_numpy(Y[:1]))
    sent = dict(zip(dict(module.named_parameters()), torch.autograd.grad(loss, list(module.parameters())), strict=True))
    with (folder / "m.safetensors").open("wb") as file:
        write_safetensors({f"module.{name}": value.numpy() for name, value in sent.items()}, file)
    call = ["audit", "mynet:Net", "--message", "m.safetensors", "--shape", "1,6", *QUICK]
    assert main([*call, "--out", "found.npz"]) == 0
    with np.load(folder / "found.npz") as found:
        assert np.abs(found["input"] - X[:1]).max() < 1e-4
    assert "leaves" in capfd.readouterr().out
    assert main([*call, "--to", "json"]) == 0
    assert json.loads(capfd.readouterr().out)["answers"][0]["failed"] is False
    assert main([*call, "--to", "html"]) == 2
    assert "json, npz or text" in capfd.readouterr().err


def test_which_records_is_said_and_so_are_the_names_that_go_to_the_net(folder, capfd):
    assert main(["audit", "mynet:Net", "--data", "x.npz", "--records", "1:2"]) == 2
    err = capfd.readouterr().err
    assert "1 of 2 records are taken as the batch of one message, from number 1" in err
    assert "x, y go to the net by these names; --labels names the one that is the target" in err
    assert "No targets were named. Say --labels" in err


@pytest.mark.parametrize(
    "code, given, words",
    [
        (2, ["mynet", "--data", "x.npz", "--labels", "y"], "package.module:name"),
        (2, ["nowhere.at_all:net", "--data", "x.npz", "--labels", "y"], "no module nowhere"),
        (2, ["mynet:Missing", "--data", "x.npz", "--labels", "y"], "it has .*Net"),
        (2, ["nothere.py:Net", "--data", "x.npz", "--labels", "y"], "no file nothere.py"),
        (2, ["mynet:number", "--data", "x.npz", "--labels", "y"], "is int"),
        (2, ["mynet:gives_three", "--data", "x.npz", "--labels", "y"], "gave int"),
        (1, ["mynet:broken", "--data", "x.npz", "--labels", "y"], "ZeroDivisionError: no net today .*line 2"),
        (2, ["mynet:Net"], "Name the records"),
        (2, ["mynet:Net", "--data", "none.npz"], "none.npz cannot be read"),
        (2, ["mynet:Net", "--data", "x.npy"], "No targets were named"),
        (2, ["mynet:Net", "--data", "x.npz", "--loss", "mse_loss"], "does not take this batch.*'y'"),
        (2, ["mynet:Net", "--data", "x.npz", "--labels", "z"], "--labels z: there is no such file"),
        (2, ["mynet:Net", "--data", "x.npz", "--labels", "y", "--loss", "l2"], "known are cross_entropy"),
        (2, ["mynet:Net", "--data", "x.npz", "--labels", "y", "--records", "1:9"], "there are 2 records"),
        (2, ["mynet:Net", "--data", "x.npz", "--labels", "y", "--defense", "magic"], "magic"),
        (2, ["mynet:Net", "--data", "x.npz", "--labels", "y", "--weights", "w.pt"], "invviz convert"),
        (2, ["mynet:Net", "--data", "x.npz", "--labels", "y", "--out", "a.pdf"], "html, json, csv or text"),
        (2, ["mynet:Net", "--data", "x.csv", "--labels", "age"], "it holds|holds a, b"),
        (2, ["mynet:Two", "--data", "x.csv", "--labels", "outcome"], "does not take this batch"),
    ],
)
def test_what_is_wrong_is_said_and_the_code_tells(folder, capfd, code, given, words):
    assert main(["audit", *given]) == code
    out, err = capfd.readouterr()
    assert out == ""
    __import__("re").search(words, err) or pytest.fail(err)


def test_pickles_are_never_read(folder, capfd):
    class Runs:
        def __reduce__(self):
            return (pytest.fail, ("it was unpickled",))

    np.savez(folder / "bad.npz", x=np.array([Runs()], object))
    for name in ("bad.npz", "bad.pt"):
        torch.save(Runs(), folder / "bad.pt")
        assert main(["audit", "mynet:Net", "--data", name]) == 2
        assert "never read" in capfd.readouterr().err
    assert main(["convert", "bad.pt", "good.safetensors"]) == 2
    assert "cannot be read as tensors alone" in capfd.readouterr().err
    assert not (folder / "good.safetensors").exists()


def test_the_help_says_that_code_is_run(capfd):
    with pytest.raises(SystemExit):
        main(["audit", "--help"])
    assert "IMPORTING IT RUNS ITS CODE" in capfd.readouterr().out


# convert


@pytest.mark.parametrize(("prefix", "nested"), [("", False), ("module.", True), ("_orig_mod.module.", False)])
def test_torchvisions_resnet18_loads_after_conversion(tmp_path, capfd, prefix, nested):
    """Into torchvision's net and into the registry's of the same name."""
    from invviz.models import MODELS

    torch.manual_seed(0)
    net = load_torchvision().models.resnet18()
    state = {prefix + name: value for name, value in net.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state} if nested else state, tmp_path / "in.pt")
    assert main(["convert", str(tmp_path / "in.pt"), str(tmp_path / "out.safetensors")]) == 0
    assert ("'state_dict'" in capfd.readouterr().err) == nested
    with (tmp_path / "out.safetensors").open("rb") as file:
        found = read_safetensors(file, "out", OWN_DISK)
    assert list(found) == list(net.state_dict())
    other = load_torchvision().models.resnet18()
    load(other, found)
    own = MODELS["resnet18"]().layers((3, 224, 224), 1000)
    load(own, found)
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(other.eval()(x), net.eval()(x))
        assert torch.equal(own.eval()(x), net.eval()(x))
    with pytest.raises(invviz.core.errors.InvvizError, match=r"conv1.weight \(64, 3, 7, 7\), the net has \(64, 3, 3, 3\)"):
        load(MODELS["resnet18"]().layers((3, 32, 32), 1000), found)


BAD_STATES = {
    "expanded": ({"w": torch.zeros(1).expand(10**9)}, "1,000,000,000 numbers, and 1 are in the file"),
    "nan": ({"w": torch.tensor([1.0, float("nan")])}, "not finite"),
    "empty": ({"w": torch.zeros(0, 3)}, "it is empty"),
    "complex": ({"w": torch.zeros(2, dtype=torch.complex64)}, "complex"),
    "sparse": ({"w": torch.eye(3).to_sparse()}, "sparse"),
    "no weights": ({"epoch": 3}, "holds no weights; it has epoch"),
    "a list": ([torch.zeros(1)], "no weights by name"),
}


@pytest.mark.parametrize("saved, words", BAD_STATES.values(), ids=BAD_STATES)
def test_states_that_are_none_are_refused(tmp_path, capfd, saved, words):
    torch.save(saved, tmp_path / "in.pt")
    assert main(["convert", str(tmp_path / "in.pt"), str(tmp_path / "out.safetensors")]) == 2
    assert words in capfd.readouterr().err


def test_bfloat16_half_and_what_is_no_tensor(tmp_path):
    torch.save(
        {"a": torch.tensor([1.5, -2.0], dtype=torch.bfloat16), "b": torch.tensor([0.1], dtype=torch.float16), "note": "x"},
        tmp_path / "in.pt",
    )
    found, said = saved_weights(tmp_path / "in.pt")
    assert found["a"].dtype == np.float32
    assert found["a"].tolist() == [1.5, -2.0]
    assert found["b"].dtype == np.float16
    assert "note is no tensor" in said[0]


@pytest.mark.parametrize("change, words", [(lambda w: w.pop("1.bias"), "lack 1.bias"), (lambda w: w.update(extra=w["1.bias"]), "hold extra"), (lambda w: w.update({"1.bias": np.zeros(3, int)}), "Kinds of numbers")])  # fmt: skip
def test_weights_that_do_not_fit_are_refused_by_name(change, words):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2, 3))
    weights = {name: value.numpy().copy() for name, value in net.state_dict().items()}
    change(weights)
    with pytest.raises(invviz.core.errors.InvvizError, match=words):
        load(net, weights)


READER = """
import torch

class Reader(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb, self.head = torch.nn.Embedding(9, 4), torch.nn.Linear(4, 3)

    def forward(self, input_ids, mask=None):
        return self.head(self.emb(input_ids).tanh().mean(1))
"""


@pytest.fixture
def read(folder):
    (folder / "reader.py").write_text(READER)
    (folder / "words.txt").write_text("anna\nhas\ngout\nflu\n")
    (folder / "notes.txt").write_text("Anna has gout\nflu\n")
    np.savez(folder / "ids.npz", input_ids=np.array([[1, 2, 3], [4, 0, 0]]), mask=np.ones((2, 3)), y=Y)
    np.save(folder / "two.npy", np.array([2, 0]))
    return folder


def test_sentences_of_a_net_of_ones_own(read, capsys):
    common = ["--vocabulary", "words.txt", "--attacks", "embedding_rows"]
    assert main(["audit", "reader.py:Reader", "--data", "notes.txt", "--labels", "two.npy", *common, "--to", "json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["schema"] == "invviz.audit.text/1" and found["facts"]["words"] == 8 and "runs its code" in said.err
    assert [one["option"] for one in found["asked"]["files"]] == ["NET", "--data", "--labels", "--vocabulary"]
    assert "invviz audit reader.py" in found["asked"]["call"] and "gout" not in said.out
    assert (
        main(
            [
                "audit",
                "reader.py:Reader",
                "--data",
                "ids.npz",
                "--labels",
                "y",
                *common[2:],
                "--vocabulary",
                "5",
                "--records",
                "1:2",
                "--out",
                "a.html",
            ]
        )
        == 0
    )
    assert "Every sentence, the most exposed first" in (read / "a.html").read_text()


def test_sentences_of_a_scenario(read, capsys):
    scenario = "data=notes&model=tiny_lm(width=8,blocks=1)&batch=2"
    assert main(["audit", scenario, "--attacks", "embedding_rows", "--records", "1:2"]) == 0
    said = capsys.readouterr()
    assert "tiny_lm(width=8,blocks=1): " in said.out and "bits of a word are learned" in said.out and "dB" not in said.out
    assert "2,000 public ones" in said.err


def test_a_message_of_sentences(read, capsys):
    import importlib

    torch.manual_seed(0)
    net = importlib.import_module("reader").Reader()
    loss = torch.nn.functional.cross_entropy(net(torch.tensor([[1, 2, 3], [4, 0, 0]])), torch.tensor([2, 0]))
    grads = torch.autograd.grad(loss, list(net.parameters()))
    with (read / "sent.safetensors").open("wb") as file:
        write_safetensors({n: g.numpy() for (n, _), g in zip(net.named_parameters(), grads, strict=True)}, file)
    with (read / "w.safetensors").open("wb") as file:
        write_safetensors({n: v.numpy() for n, v in net.state_dict().items()}, file)
    args = ["audit", "reader.py:Reader", "--message", "sent.safetensors", "--weights", "w.safetensors", "--vocabulary", "words.txt"]
    assert main([*args, "--data", "notes.txt", "--labels", "two.npy", "--attacks", "embedding_rows"]) == 0
    assert {"anna", "has", "gout", "flu"} <= set(capsys.readouterr().out.split("\n\n")[-1].split())


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["reader.py:Reader", "--data", "notes.txt"], "one word a line"),
        (["reader.py:Reader", "--data", "notes.txt", "--vocabulary", "nowhere.txt"], "cannot be read"),
        (["reader.py:Reader", "--data", "notes.txt", "--vocabulary", "words.txt", "--bounds", "0,1"], "--bounds"),
        (["reader.py:Reader", "--vocabulary", "words.txt"], "--data"),
        (["reader.py:Reader", "--data", "notes.txt", "--vocabulary", "words.txt", "--labels", "nothing.npy"], "no such file"),
        (["data=digits&model=mlp"], "samples are sentences"),
        (["data=notes&model=tiny_lm", "--weights", "w.safetensors"], "--weights"),
        (["data=notes&model=tiny_lm&rounds=2"], "rounds"),
    ],
)
def test_what_does_not_fit_sentences_ends_with_2(read, capsys, args, said):
    assert main(["audit", *args]) == 2
    assert said in capsys.readouterr().err
