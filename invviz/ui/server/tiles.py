"""The page Server: the batch as tiles, each beside what was read of it; those that were read exactly light up."""

from __future__ import annotations

import dataclasses
from html import escape

import numpy as np
import streamlit as st

from ...metrics import decibels
from ...scenario import Scenario
from ...scenario.families import servers
from .. import drawn, sources
from ..known import AttackOutcome

SIDES = ((16, 64), (32, 52), (10_000, 40))  # screen pixels of a picture in a batch of at most so many


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
    """What was read, of this very scenario or of one before.

    Attributes:
        scenario: what it was read of.
        psnr: of every picture, in dB; empty while it runs.
        guess: (b, c, h, w) in the order of the truth; None where there is nothing.
        old: in what it differs from what is on the screen; empty where it is of that.
    """

    scenario: Scenario
    psnr: tuple[float, ...] = ()
    guess: np.ndarray | None = None
    old: str = ""

    @classmethod
    def of(cls, found: AttackOutcome) -> Shown:
        """The result of an attack, or its present guess."""
        if found.psnr is not None:
            return cls(found.scenario, tuple(found.each("psnr")), found.guess)
        running = found.job is not None and found.job.state == "running"
        frame = sources.live_picture(found.scenario) if running else None
        return cls(found.scenario, (), None if frame is None else np.asarray(frame, np.float32) / 255)

    @property
    def lit(self) -> list[bool]:
        """Which were read exactly."""
        return servers.read(self.psnr)


def draw(truth: np.ndarray, names: list[str], shown: Shown) -> None:
    """All tiles of the batch.

    Args:
        truth: (b, c, h, w).
        names: of the classes, one a picture.
        shown: what was read.
    """
    side = next(pixels for most, pixels in SIDES if len(truth) <= most)
    lit = shown.lit
    cells = []
    for k, name in enumerate(names):
        guess = None if shown.guess is None else shown.guess[k : k + 1]
        score = shown.psnr[k] if shown.psnr else None
        cells.append(_tile(k, name, truth[k : k + 1], guess, score, bool(lit) and lit[k]))
    classes = "server tiles" + (" stale" if shown.old else "") + (" dark" if st.context.theme.type == "dark" else "")
    st.html(f'<div class="{classes}" style="--side: {side}px">{"".join(cells)}</div>')


def _tile(place: int, name: str, truth: np.ndarray, guess: np.ndarray | None, psnr: float | None, lit: bool) -> str:
    number = f"picture {place + 1}, {name}"
    if psnr is None:
        role, said = "open", "being read" if guess is not None else "not read yet"
    else:
        role, said = ("lit", f"read exactly, {decibels(psnr)}") if lit else ("dim", f"not read: {decibels(psnr)}")
    own = f'<img class="own" src="{drawn.thumb(truth)}" alt="{escape(number)}: the truth">'
    got = (
        '<span class="blank"></span>'
        if guess is None
        else f'<img class="real" src="{drawn.thumb(guess)}" alt="what was read of it: {escape(said)}">'
    )
    mark = '<span class="mark" aria-hidden="true">✓</span>' if lit else ""
    return f'<figure class="{role}" title="{escape(f"{number}: {said}")}">{own}{got}{mark}</figure>'
