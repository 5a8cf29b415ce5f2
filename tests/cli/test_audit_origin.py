"""`invviz audit`: whose weights, which files, what computes it again; tables whose columns do not fit, and bounds of columns."""

import hashlib
import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import invviz
from invviz.cli import main
from invviz.datasets.own import write_safetensors
from invviz.report.audit import to_html

NET = """
import torch

class Draws(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.enter, self.leave = torch.nn.Linear(6, 8), torch.nn.Linear(8, 3)

    def forward(self, x):
        return self.leave(torch.relu(self.enter(x)))

net = Draws()
"""
X = np.random.default_rng(0).random((6, 6))
Y = np.arange(6) % 3
QUICK = ["--attacks", "none"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drawn.py").write_text(NET)
    np.savez(tmp_path / "x.npz", x=X, y=Y)
    table(tmp_path / "x.csv", "abcdef", X)
    yield tmp_path
    sys.modules.pop("drawn", None)


def table(path, names, numbers):
    rows = [",".join([*names, "outcome"])] + [",".join([*(f"{v:.6g}" for v in row), str(y)]) for row, y in zip(numbers, Y, strict=False)]
    path.write_text("\n".join(rows))


def found(*given):
    assert main(["audit", *given, *QUICK, "--out", "found.json"]) == 0
    return json.loads(Path("found.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("net", ["drawn.py:Draws", "drawn.py:net"])
def test_drawn_weights_are_said_before_and_in_the_report_and_are_those_of_the_seed(folder, capfd, net):
    call = [net, "--data", "x.npz", "--labels", "y"]
    first = found(*call)
    err = capfd.readouterr().err
    assert "Weights: as the code made them, with torch seeded by --seed 7, not loaded; say --weights FILE." in err
    assert err.index("Weights: as") < err.index("found.json is written")
    torch.manual_seed(7)
    sys.modules.pop("drawn", None)
    here = {}
    exec(NET.replace("net = Draws()", ""), here)
    torch.manual_seed(7)
    own = invviz.risk(here["Draws"]().eval(), X, Y).to_json()
    assert first["facts"]["hashes"] == own["facts"]["hashes"]
    torch.manual_seed(99)
    again, other = found(*call), found(*call, "--seed", "8")
    assert again["facts"]["hashes"]["model"] == first["facts"]["hashes"]["model"] != other["facts"]["hashes"]["model"]
    assert again["risk"]["invre"] == first["risk"]["invre"]
    assert any(note.startswith("Weights: as the code made them") for note in first["notes"])
    assert "not loaded; say --weights FILE" in first["asked"]["weights"]
    assert "init=" not in first["scenario"]


def test_loaded_weights_are_named_and_every_file_with_its_hash_and_the_command_as_it_was_typed(folder, capfd):
    state = {"enter.weight": np.ones((8, 6)), "enter.bias": np.zeros(8), "leave.weight": np.ones((3, 8)), "leave.bias": np.zeros(3)}
    state = {name: (value + np.random.default_rng(1).random(value.shape)).astype(np.float32) for name, value in state.items()}
    with (folder / "w.safetensors").open("wb") as file:
        write_safetensors(state, file)
    given = ["drawn.py:Draws", "--data", "x.csv", "--labels", "outcome", "--weights", "w.safetensors", "--bounds", "0,1", "--within", "60", "--seed", "3",
             "--defense", "clipping(clip_norm=1.0)&gaussian_noise(sigma=0.1)"]  # fmt: skip
    told = found(*given)
    assert "as the code made them" not in capfd.readouterr().err
    assert told["asked"]["weights"] == "loaded from w.safetensors" and "init=" not in told["scenario"]
    words = shlex.split(told["asked"]["call"])
    assert words[words.index("audit") + 1 :] == [*given, *QUICK, "--out", "found.json"]
    hashes = {one["option"]: (one["name"], one["sha256"]) for one in told["asked"]["files"]}
    for option, name in (("NET", "drawn.py"), ("--data", "x.csv"), ("--weights", "w.safetensors")):
        assert hashes[option] == (name, hashlib.sha256((folder / name).read_bytes()).hexdigest()[:16])
    assert main([*words[words.index("audit") : -1], "found.html"]) == 0
    page = (folder / "found.html").read_text()
    assert (
        "invviz.audit(" not in page
        and "--weights w.safetensors" in page
        and hashes["--data"][1] in page
        and "loaded from w.safetensors" in page
    )


def test_of_a_python_call_what_was_not_default_is_written_and_nothing_else(folder):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    assert invviz.risk(net, X, Y).asked["call"] == "invviz.audit(module, batch, targets, attacks='none')"
    told = invviz.risk(net, X, Y, torch.nn.functional.cross_entropy, bounds=(-1, 2), seed=3, defense="gaussian_noise(sigma=0.1)").asked[
        "call"
    ]
    assert told == (
        "invviz.audit(module, batch, targets, loss=cross_entropy, defense='gaussian_noise(sigma=0.1,relative=True)', attacks='none', bounds=(-1.0, 2.0), seed=3)"
    )
    old = invviz.risk(net, X, Y).to_json()
    for name in ("call", "weights", "files"):
        del old["asked"][name]
    assert to_html(old).count("not said: the audit was made by an earlier version") == 2  # whose weights, and the call
    columns = invviz.risk(net, X, Y, bounds=(np.zeros(6), np.full(6, 2.0))).asked["call"]
    assert f"bounds=({[0.0] * 6}, {[2.0] * 6})" in columns


def test_a_table_that_lacks_a_column_is_told_with_its_columns(folder, capfd):
    table(folder / "five.csv", "abcde", X[:, :5])
    assert main(["audit", "drawn.py:Draws", "--data", "five.csv", "--labels", "outcome", *QUICK]) == 2
    err = capfd.readouterr().err
    assert "5 columns are given, 6 are wanted" in err and "mat1" not in err
    assert "The 5 columns of five.csv that go to the net: a, b, c, d, e." in err


def test_bounds_of_columns(folder, capfd):
    wide = X * [90, 40_000, 1, 1, 1, 1]
    table(folder / "wide.csv", "abcdef", wide)
    call = ["drawn.py:Draws", "--data", "wide.csv", "--labels", "outcome"]
    (line,) = (one for one in found(*call)["reasons"] if one["name"] == "uneven_columns")
    assert "column 2 over" in line["what"] and "the widest (1 of 6 columns)" in line["what"] and "--bounds FILE.csv" in line["repair"]
    (folder / "b.csv").write_text("b,a,c,d,e,f\n0,0,0,0,0,0\n50000,100,1,1,1,1\n")
    named = "a=0:100,b=0:50000,c=0:1,d=0:1,e=0:1,f=0:1"
    own = invviz.risk(
        module(),
        np.array([[float(f"{v:.6g}") for v in row] for row in wide]),
        Y,
        bounds=(np.zeros(6), np.array([100, 50_000, 1, 1, 1, 1.0])),
    )
    for given in ("b.csv", named):
        told = found(*call, "--bounds", given)
        assert told["asked"]["bounds"]["input"] == [[0.0] * 6, [100.0, 50_000.0, 1.0, 1.0, 1.0, 1.0]]
        assert not [one for one in told["reasons"] if one["name"] == "uneven_columns"]
        assert told["risk"]["invre"] == pytest.approx(own.invre, rel=1e-5)
    assert [one["name"] for one in found(*call, "--bounds", "b.csv")["asked"]["files"] if one["option"] == "--bounds"] == ["b.csv"]
    capfd.readouterr()
    for given, words in (
        (named.replace("f=0:1", "g=0:1"), "--bounds names g; columns are a, b, c, d, e, f"),
        ("a=0:1", "says nothing of b, c, d, e, f"),
    ):
        assert main(["audit", *call, "--bounds", given, *QUICK]) == 2
        assert words in capfd.readouterr().err
    for given in ("a=0", "0,1,2", "none.csv", "a=x:y"):
        with pytest.raises(SystemExit):
            main(["audit", *call, "--bounds", given, *QUICK])


def module():
    here = {}
    exec(NET, here)
    torch.manual_seed(7)
    return here["Draws"]()


@pytest.mark.parametrize("factor, said", [(19.0, False), (21.0, True)])
def test_columns_are_called_uneven_from_a_factor_of_twenty_on(factor, said):
    rows = np.linspace(0, 1, 6)[:, None] * [1, factor, 1, 1, 1, 0]
    assert any(one["name"] == "uneven_columns" for one in invviz.risk(module(), rows, Y).reasons) == said


def test_the_help_says_what_the_seed_does(capfd):
    with pytest.raises(SystemExit):
        main(["audit", "--help"])
    assert "torch is seeded with it before NET's code is run" in " ".join(capfd.readouterr().out.split())


def test_the_docs_say_how_to_install_and_to_write_weights_and_every_line_of_theirs_is_a_command(folder, capfd):
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    assert all(
        line in page for line in ("\npip install .\n", "`pip install safetensors`", 'save_file(net.state_dict(), "net.safetensors")')
    )
    lines = [shlex.split(line) for line in page.splitlines() if line.startswith("invviz ")]
    assert {line[1] for line in lines} == {"audit", "convert", "inspect"}
    options = {word for line in lines for word in line if word.startswith("--")} - {"--help"}
    with pytest.raises(SystemExit):
        main(["audit", "--help"])
    assert options <= set(re.findall(r"--\w+", capfd.readouterr().out))
    torch.save(torch.nn.Linear(2, 3).state_dict(), "net.pt")
    assert main(["convert", "net.pt", "net.safetensors"]) == main(["inspect", "net.safetensors"]) == 0
