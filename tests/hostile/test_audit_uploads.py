"""Nets, weights and data from strangers: each is refused in words, nothing in it runs, and what it took is given back.

All 500: `python -m pytest tests/hostile/test_audit_uploads.py -m slow -s`.
"""

from __future__ import annotations

import gc
import io
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from handed import DRAWN, NET, SHAPES, Handed, data, drawn, npz, tensors, weights

from invviz.core.errors import InvvizError, UploadError
from invviz.core.messages import Message
from invviz.engine import intake
from invviz.engine.intake import MEMORY, SECONDS, _child, ordered, take


def here(handed: Handed) -> tuple[dict, dict]:
    """What the process would answer, without one."""
    return _child.taken(Message(*ordered(handed)))


def sound(err: Exception) -> None:
    """Words for a person: a sentence or more, printable, of a length that can be read."""
    words = str(err)
    assert 20 < len(words) < 900 and words.endswith(".") and all(c.isprintable() or c == "\n" for c in words), words


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_each_kind_is_refused_in_words(name, tmp_path):
    mark = tmp_path / "ran"
    for seed in range(2):
        handed = DRAWN[name](random.Random(seed), mark)
        with pytest.raises(InvvizError) as refused:
            here(handed)
        sound(refused.value)
        assert not mark.exists()


def test_what_is_sound_is_taken_in_a_process_of_its_own():
    found = take(Handed(NET, ("w.safetensors", tensors()), [("d.npz", npz())]))
    assert {name: value.shape for name, value in found.weights.items()} == SHAPES
    assert found.inputs.shape == (4, 1, 6, 6) and found.targets.tolist() == [0, 1, 2, 0]
    assert found.facts["gives"] == [3] and found.facts["parameters"] == sum(int(np.prod(shape)) for shape in SHAPES.values())
    wrapped = take(weights(tensors({f"module.{name}": np.ones(shape, np.float64) for name, shape in SHAPES.items()})))
    assert wrapped.weights["3.bias"].dtype == np.float64 and any("module." in note for note in wrapped.notes)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_the_process_has_limits_and_writes_no_file(tmp_path):
    start = "from invviz.engine.intake import _limits; _limits.limit()\n"

    def after(work: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([sys.executable, "-c", start + work], capture_output=True, timeout=90, check=False)

    assert b"MemoryError" in after(f"bytearray({MEMORY} + 200_000_000)").stderr
    assert after(f"bytearray({MEMORY} // 2)").returncode == 0
    assert b"File too large" in after(f"import os; os.write(os.open({str(tmp_path / 'left')!r}, os.O_CREAT | os.O_WRONLY), b'x')").stderr
    done = after("import resource; print(resource.getrlimit(resource.RLIMIT_CPU)[1], resource.getrlimit(resource.RLIMIT_CORE)[1])")
    cpu, core = map(int, done.stdout.split())
    assert SECONDS < cpu <= SECONDS + 3 and core == 0


def test_a_process_that_is_ended_or_answers_nonsense_is_said_in_words(monkeypatch):
    for answer in (b"", b"\0\0\0\x04nope", b"\xff" * 100, b"\0\0\0\x02{}"):
        monkeypatch.setattr(intake, "_asked", lambda order, answer=answer: answer)
        with pytest.raises(UploadError, match=f"more than {SECONDS} s or {MEMORY // 10**6} MB"):
            take(data(npz()))


def test_a_process_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(intake, "PATIENCE", 0.05)
    with pytest.raises(UploadError, match="was ended"):
        take(data(npz()))


def resident() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def look(handed: Iterable[tuple[str, Handed]]) -> None:
    for name, one in handed:
        try:
            take(one)
        except InvvizError as err:
            sound(err)
        else:
            pytest.fail(f"{name} was taken: {str(one)[:2_000]}")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_few_each_in_a_process_of_its_own(tmp_path):
    rng = random.Random(3)
    chosen = rng.sample(list(DRAWN), 6)
    look((name, DRAWN[name](rng, tmp_path / "ran")) for name in chosen)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_five_hundred_leave_nothing_behind(tmp_path):
    look(drawn(30, tmp_path / "ran", seed=1))
    before, start = resident(), time.monotonic()
    look(drawn(500, tmp_path / "ran"))
    after = resident()
    print(f"500 hostile uploads in {time.monotonic() - start:.0f} s; memory {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB after")
    assert after < 1.05 * before
    assert not list(tmp_path.iterdir()), "nothing ran and nothing was written"
    assert take(Handed(NET, ("w.safetensors", tensors()), [("d.npz", npz())])).facts["records"] == 4


def test_pictures_are_taken(tmp_path):
    from PIL import Image

    files = []
    for k in range(2):
        out = io.BytesIO()
        Image.fromarray(np.full((6, 6), 100 * k, np.uint8)).save(out, "PNG")
        files.append((f"{k}.png", out.getvalue()))
    _, arrays = here(Handed(NET, None, files, "2, 1"))
    assert arrays["inputs"].shape == (2, 1, 6, 6) and arrays["targets"].tolist() == [2, 1]
    np.testing.assert_allclose(arrays["inputs"][1], 100 / 255)


def test_weights_are_matched_to_a_net_of_the_house_in_the_process():
    """Its shapes come of torch, which looks for a place for files when it is first used."""
    state = {"1.weight": (4, 36), "1.bias": (4,), "3.weight": (3, 4), "3.bias": (3,)}
    content = tensors({name: np.ones(shape, np.float32) for name, shape in state.items()})
    found = take(Handed({"registry": "mlp(width=4)", "classes": 3}, ("w.safetensors", content), [("d.npz", npz())]))
    assert {name: value.shape for name, value in found.weights.items()} == state
