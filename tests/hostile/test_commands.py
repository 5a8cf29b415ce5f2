"""Commands that a person copies into a shell: it takes them apart into exactly the words that are meant, and runs nothing else."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

import invviz
from invviz.core.command import command, quoted
from invviz.core.errors import TextError
from invviz.report._command import command as again
from invviz.scenario import Scenario
from invviz.scenario.kinds import WORK, askable
from invviz.studies.sweep import Sweep

HOSTILE = [
    "$(touch caught)", "`touch caught`", '"; touch caught; "', "'; touch caught; '", "a\ntouch caught", "a\\", "\\'; touch caught #", "!!", "$HOME", "~", "*",
    "a&b|c>caught<d", "a b", "", "-rf", "${IFS}", "{a,b}", "é😀", "a#b", "#", "it's", '"', "'\"'\"'", "$'\\x41'", "[a]?", "a=b", "\t", "%PATH%", "=ls",
]  # fmt: skip


def words_of(line: str, folder: Path) -> list[str]:
    """What a shell makes of a line: all words after the command's name, which is not run."""
    shell = shutil.which("bash") or "sh"
    took = subprocess.run(
        [shell, "-c", f"python() {{ printf '%s\\0' \"$@\"; }}\n{line}"], cwd=folder, capture_output=True, timeout=20, check=True
    )
    assert not list(folder.iterdir()), "something was run"
    return took.stdout.decode().split("\0")[:-1]


def test_every_word_comes_back_whatever_stands_in_it(tmp_path):
    line = command("run", *HOSTILE)
    assert shlex.split(line) == ["python", "-m", "invviz", "run", *HOSTILE]
    assert words_of(line, tmp_path) == ["-m", "invviz", "run", *HOSTILE]


def test_what_people_write_stays_readable():
    assert [quoted(w) for w in ("sweep", "data=digits&model=mlp", "a b", "seed=0,1")] == [
        "sweep",
        '"data=digits&model=mlp"',
        '"a b"',
        '"seed=0,1"',
    ]


@pytest.mark.parametrize("layer", [word for word in HOSTILE if word and word.isprintable()])
def test_commands_for_every_kind_of_work_and_for_sweeps(layer, tmp_path):
    scenario = Scenario(layer=layer)
    lines, wanted = [], []
    for kind in askable():
        lines.append(again(kind, scenario))
        wanted += ["-m", "invviz", WORK[kind].verb[0], scenario.text(), *WORK[kind].verb[1:]]
    sweep = Sweep.of(f"layer={quote(layer, '')}", [f"layer={quote(layer, '')},7", "defense=none,gaussian_noise(sigma=.1)"], ["train"])
    axes = [axis.text() for axis in sweep.axes]
    wanted += ["-m", "invviz", "sweep", sweep.base.text(), *axes, "--what", "train"]
    assert words_of("\n".join([*lines, sweep.command()]), tmp_path) == wanted
    assert Scenario.parse(wanted[3]).layer == layer and Sweep.of(sweep.base.text(), axes, ["train"]) == sweep
    assert not set(sweep.text()) & set('$`\\"#;<>!'), "the line of a sweep runs nothing either, if somebody pastes it into a shell"


@pytest.mark.parametrize(
    "value", ["sign#$(touch caught)", "gaussian_noise(sigma=1) #`x`", "sign\\", "a;b", "a>b", "sign\n", "gaussian_noise(sigma=\n1)"]
)
def test_a_part_of_an_axis_holds_nothing_that_only_a_shell_reads(value):
    """What follows a # was passed over when the part was read, and stood in the command to copy."""
    with pytest.raises(TextError, match="which no part takes"):
        Sweep.of("model=mlp", [f"defense=none,{value},none"])


def test_no_command_is_put_together_elsewhere():
    sources = [path for path in Path(invviz.__file__).parent.rglob("*.py") if path.name != "command.py"]
    assert len(sources) > 200
    strings = re.compile(r"(?:python -m invviz|streamlit run)[^\"'`\n]*\{")
    assert not [path for path in sources if strings.search(path.read_text())]
