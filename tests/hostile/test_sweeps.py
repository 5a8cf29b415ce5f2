"""Sweeps that stand for more than anybody can compute: counted before anything of them is written out, and refused in words."""

from __future__ import annotations

import math

import pytest

from invviz.core.errors import TextError
from invviz.studies.sweep import Sweep, _grid
from invviz.studies.sweep._grid import MOST, MOST_WRITTEN, count
from invviz.ui.curves import source

BASE = "data=digits&model=mlp | "
GRID = "gaussian_noise(sigma=0.01..0.5/20000)"
BOMBS = {
    "two grids in one value": ("defense=invl_gnp(low=0.01..0.5/20000,high=0.6..0.9/20000)", "400,000,000 cells; at most 20,000 are taken. Use fewer"),
    "many values": ("defense=" + ",".join([GRID] * 60), "1,200,000 cells; at most 20,000"),
    "many axes": (" | ".join(f"{n}=0.1..1/20000" for n in ("train.alpha", "floor", "defense.sigma", "train.lr")), r"about 10\^17 cells"),
    "ten grids": ("defense=a(" + ",".join(["x=1..2/20000"] * 10) + ")", r"about 10\^43 cells"),
    "a stack of a thousand": (f"defense={GRID}" + "+clipping" * 1_000, "180,760,000 characters, grids written out; at most 1,000,000"),
    "many grids": ("defense=" + "1..2/3.." * 100_000, "more than 10 grids"),
    "much text": ("defense=" + "a" * 1_200_000, "1,200,032 characters is too long; at most 1,100,000 are read"),
    "a long list": ("seed=" + "1," * 440_000, "440,001 cells; at most 20,000"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_counted_and_nothing_of_it_is_written_out(name, monkeypatch):
    for made in ("_written_out", "_numbers", "product"):
        monkeypatch.setattr(_grid, made, lambda *_: pytest.fail("something was written out before it was counted"))
    axes, words = BOMBS[name]
    with pytest.raises(TextError, match=words) as refused:
        Sweep.parse(BASE + axes)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("axes", "cells"),
    [
        (["seed=0..4", "defense=none,gaussian_noise(sigma=0.01..1/6)"], 5 * 7),
        (["train=federated(rounds=1..3,clients=2..6)", "train.alpha=1,2"], 3 * 5 * 2),
        (["layer=a,b%2Cc,'d,e'"], 3),
    ],
)
def test_what_is_counted_is_what_is_made(axes, cells):
    found = Sweep.of("data=digits&model=mlp", axes)
    assert count(axes) == cells == len(found.cells) == math.prod(len(axis.values) for axis in found.axes)


def test_the_limit_has_two_sides():
    assert count([f"seed=0..{MOST - 1}"]) == MOST
    with pytest.raises(TextError, match="20,001 cells"):
        count([f"seed=0..{MOST - 1},-1"])
    assert count(["layer=" + "a" * (MOST_WRITTEN - 7)]) == 1
    with pytest.raises(TextError, match=f"at most {MOST_WRITTEN:,} are taken"):
        count(["layer=" + "a" * (MOST_WRITTEN + 1)])


def test_a_stack_in_an_axis_is_as_high_as_in_a_scenario():
    assert len(Sweep.of("model=mlp", ["defense=" + "+".join(["sign"] * 16)]).cells) == 1
    with pytest.raises(TextError, match="stacks 17 defenses; at most 16"):
        Sweep.of("model=mlp", ["defense=" + "+".join(["sign"] * 17)])


def test_a_page_takes_fewer_cells_than_the_command_line(visit):
    most = source.CELLS
    assert len(Sweep.parse(f"{BASE}seed=0..9 | what=train", most=10).cells) == 10
    with pytest.raises(TextError, match=r"11 cells; at most 10 are taken here.*command line"):
        Sweep.parse(f"{BASE}seed=0..10 | what=train", most=10)
    at = visit("curves")
    at.text_area[0].set_value(f"{BASE}seed=0..{most}").run()
    assert not at.exception and any(f"{most + 1:,} cells; at most {most:,}" in error.value for error in at.error)
    assert not any(button.label.startswith("Launch") for button in at.button)


def test_labels_of_sweeps_take_no_longer_for_long_texts():
    """Every comma once looked through all that followed it: a minute for a sweep of 20,000 values."""
    text = f"data=digits&model=mlp | seed={','.join(map(str, range(MOST)))}"
    assert source.in_short(text) == "digits, mlp; seed x20000"
    assert source.in_short("data=digits(index=3)&model=mlp | defense=clipping(a=1,b=2)+sign,none") == "digits, mlp; defense x2"
