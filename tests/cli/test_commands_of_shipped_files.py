"""The commands that shipped files name still do their work, from another place in the tree; a name that is not known is refused in words."""

import runpy
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("gallery", "known: opening"),
        ("equal", "is not a number of processes"),
        ("calibration", "known: photos"),
        ("studies", "known: digits"),
    ],
)
def test_it_refuses_what_is_not_known(module, words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["", "nothing"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"invviz.{module}", run_name="__main__", alter_sys=True)  # what python -m does
    said = capsys.readouterr().err + (ended.value.code if isinstance(ended.value.code, str) else "")  # as the interpreter prints it
    assert ended.value.code and words in said and "nothing" in said and "Traceback" not in said
