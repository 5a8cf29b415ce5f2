"""The commands that shipped files name still do their work, from another place in the tree; a name that is not known is refused in words."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("gallery", "known: opening"),
        ("equal", "is not a number of processes"),
        ("calibration", "known: photos"),
        ("studies", "known: digits"),
    ],
)
def test_it_refuses_what_is_not_known(module, words):
    found = subprocess.run([sys.executable, "-m", f"invviz.{module}", "nothing"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert found.returncode and words in found.stderr and "nothing" in found.stderr and "Traceback" not in found.stderr
