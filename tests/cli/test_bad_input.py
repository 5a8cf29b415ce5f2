"""Every verb with what a person gets wrong: words on stderr, nothing of Python, nothing computed first."""

from __future__ import annotations

import pytest

from invviz.cli import main

QUICK = "data=digits&model=mlp(width=4)&attack=linear_layer"
# verb and arguments, exit code, what is said; {d} is a folder, {f} a file in it
CASES = [
    (["run", QUICK, "--out", "{f}"], 1, "{f} is a file, not a folder"),
    (["run", QUICK, "--out", "{f}/sub"], 1, "{f} is a file, not a folder"),
    (["run", QUICK, "--out", "/proc/none"], 1, "nothing can be written there"),
    (["run", QUICK, "--out", ""], 2, "name a file or folder"),
    (["run", QUICK, "--set", "store={f}"], 1, "store: {f} is a file, not a folder"),
    (["run", "data=mnist", "--set", "data_dir={f}"], 1, "data_dir: {f} is a file, not a folder"),
    (["run", "data=mnist", "--set", "data_dir={d}/none"], 1, "MNIST was not found"),
    (["run", "data=digits&model=mlp(init='trained')", "--set", "store=/proc/none"], 1, "/proc/none cannot be used"),
    (["run", QUICK + "&upload=abc", "--no-risk"], 1, "upload the picture again"),
    (["run", QUICK, "--set", "nope=1"], 2, "known are data_dir=..., store=..., device=..."),
    (["risk", QUICK, "--values", "-1"], 2, "'-1' is no count"),
    (["risk", QUICK + "&layer=none"], 2, "no part named 'none'"),
    (["risk", "/etc/passwd"], 2, "unknown part '/etc/passwd'"),
    (["check", "modle=mlp"], 2, "Did you mean model?"),
    (["check", "data=photos(self=1)"], 2, "unknown knob 'self'"),
    (["train", QUICK + "&defense=precode"], 2, "not built yet"),
    (["labels", QUICK], 2, "Use protocol=vfl"),
    (["epsilon", "sign"], 2, "has no accountant"),
    (["epsilon", "("], 2, "cannot read '('"),
    (["sweep", QUICK, "seed="], 2, "cannot read the axis"),
    (["sweep", QUICK, "seed=0", "--what", ""], 2, "known: train, unaware, aware, risk"),
    (["sweep", QUICK, "seed=0", "--out", "{f}/x.csv"], 1, "{f} is a file, not a folder"),
    (["sweep", QUICK, "seed=0", "--out", "{d}/x.csv"], 1, "it is a directory"),
    (["sweep", QUICK, "seed=0", "--out", "{d}/x.txt"], 2, "write a file that ends with"),
    (["report", "none"], 1, "is neither a key"),
    (["report", ""], 1, "is neither a key"),
    (["report", "data=digits | seed=0"], 1, 'python -m invviz sweep "data=digits&model=lenet&attack=dlg" "seed=0"'),
    (["report", QUICK, "--out", "{d}/r.pdf"], 2, "no report ends with .pdf"),
    (["report", QUICK, "--set", "store={f}"], 1, "store: {f} is a file"),
    (["data", "download", "mnist", "--set", "data_dir={f}"], 1, "data_dir: {f} is a file"),
    (["data", "download", "mnist"], 2, "Where shall it go?"),
    (["data", "check", "none"], 2, "invalid choice"),
    (["work", "--once", "--kinds", "none"], 2, "unknown kind 'none'"),
    (["work", "--once", "--store", "{f}"], 1, "store: {f} is a file"),
    (["work", "--once", "--again", "none"], 1, "knows no job with that key"),
]


@pytest.mark.parametrize(("args", "code", "words"), CASES, ids=[" ".join(case[0])[:60] for case in CASES])
def test_what_is_wrong_is_said_in_words(args, code, words, tmp_path, monkeypatch, capsys):
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("")
    for name in ("", "x.csv"):
        (folder / name).mkdir()
    monkeypatch.setenv("INVVIZ_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("INVVIZ_DATA", raising=False)
    fill = {"{f}": str(file), "{d}": str(folder)}
    filled = [put(arg, fill) for arg in args]
    try:
        got = main(filled)
    except SystemExit as refused:  # argparse
        got = refused.code
    out, err = capsys.readouterr()
    assert (got, out) == (code, "")
    assert put(words, fill) in err
    assert "Traceback" not in err and "Errno" not in err and "Error:" not in err.replace("error:", "")


def put(text: str, places: dict[str, str]) -> str:
    for name, value in places.items():
        text = text.replace(name, value)
    return text


def test_a_sweep_of_nothing_says_why(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INVVIZ_STORE", str(tmp_path))
    assert main(["sweep", QUICK, "defense=none", "--what", "aware", "--json"]) == 0
    out, err = capsys.readouterr()
    assert (
        "1 cell, 0 jobs" in err
        and "1 cell not computed: Nothing of it is asked for: without a defense there is nothing to be aware of." in err
    )
    assert '"state": "unfit"' in out
