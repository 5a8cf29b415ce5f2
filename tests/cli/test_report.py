"""`report` on the command line."""

from __future__ import annotations

import json

import pytest

from invviz.cli import main
from invviz.engine.client import Site
from invviz.jobs.store import Store
from invviz.jobs.worker import execute
from invviz.scenario import Scenario

QUICK = "data=digits&model=mlp&attack=linear_layer"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("cli") / "store")
    store.submit("run", Scenario.parse(QUICK), "me")
    job = store.claim("test")
    outcome = execute(job.kind, Scenario.parse(job.scenario), Site(None, store.path), lambda event: True)
    store.finish(job, outcome.result, outcome.arrays)
    return store.path


@pytest.fixture
def key():
    return Scenario.parse(QUICK).key("run")


def test_to_stdout_in_every_form(folder, key, capsys):
    starts = {"html": "<!DOCTYPE html>", "md": "# invviz report: 1 attack", "csv": "kind,key,state,scenario", "json": "{"}
    for form, start in starts.items():
        assert main(["report", key[:8], "--to", form, "--set", f"store={folder}"]) == 0
        out, err = capsys.readouterr()
        assert out.startswith(start) and out.endswith("\n") and not out.endswith("\n\n") and err == ""
    assert main(["report", QUICK, "--set", f"store={folder}"]) == 0
    assert capsys.readouterr().out.startswith("# invviz report"), "Markdown, where nothing is said"


def test_to_a_file_whose_ending_says_the_form(folder, key, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("INVVIZ_STORE", str(folder))
    assert main(["report", key, "--out", str(tmp_path / "new" / "r.html")]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "new" / "r.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert main(["report", key, "--out", str(tmp_path / "r.txt"), "--to", "json"]) == 0
    assert json.loads((tmp_path / "r.txt").read_text())["results"][0]["key"] == key


def test_errors_are_words(folder, key, tmp_path, capsys):
    place = ["--set", f"store={folder}"]
    assert main(["report", "abcdef123", *place]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "No result has a key" in err and key in err and "Traceback" not in err
    assert main(["report", "data=digitz", *place]) == 2
    assert "Did you mean digits" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["report", key, "--out", str(tmp_path / "file" / "r.html"), *place]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert main(["report", key, "--out", str(tmp_path), "--to", "md", *place]) == 1
    assert "directory" in capsys.readouterr().err
    assert main(["report", key, "--set", f"store={tmp_path / 'none'}"]) == 1
    assert "holds no results yet" in capsys.readouterr().err
    with pytest.raises(SystemExit) as refused:
        main(["report"])
    assert refused.value.code == 2
