"""What InvRE is a share of, in three pictures: the ideal attacker's, where a tenth, a half and nine tenths of the squared error are gone."""

from __future__ import annotations

import dataclasses
import math
from functools import lru_cache
from html import escape

import numpy as np

from ..core.figures import number
from ..risk import invre, sigma_of_invre
from ..studies import gallery
from . import drawn, language

CARD = "heavy_noise"  # whose spectrum; the tour shows the same picture where it speaks of InvRE
WANTED = (0.1, 0.5, 0.9)


@dataclasses.dataclass(frozen=True, eq=False)
class Share:
    """One picture.

    Attributes:
        score: its InvRE, from the kept spectrum at `noise`.
        noise: at which the score is what was wanted, as a share of the message's typical entry.
        pixels: what the ideal attacker draws there, (1, c, h, w) in [0, 1].
    """

    score: float
    noise: float
    pixels: np.ndarray

    @property
    def left(self) -> float:
        """By how much a pixel is still off, over what it is without the message (root mean squares over pictures, pixels and noise)."""
        return math.sqrt(1 - self.score)


@lru_cache(maxsize=1)
def shares() -> tuple[Share, ...]:
    """One for each of WANTED; none where the prepared scene is not on this machine."""
    scene = gallery.load(CARD)
    if scene is None:
        return ()
    d = scene.decomposition
    levels = [sigma_of_invre(d, wanted) for wanted in WANTED]
    return tuple(Share(invre(d, sigma), sigma / scene.size.rms, scene.between(sigma)) for sigma in levels)


def html(lang: str, whole: bool = True) -> str:
    """The pictures with one sentence each, and before them what the whole is; empty where there are none."""
    kept = language.words(lang)["shares"]
    tiles = [_tile(one, said, lang) for one, said in zip(shares(), kept["said"], strict=False)]
    row = f'<span class="row">{"".join(tiles)}</span>'
    head = f"<span>{escape(kept['whole'])}</span>" if whole else ""
    return f'<span class="shares" lang="{lang}">{head}{row}</span>' if tiles else ""


def _tile(one: Share, said: str, lang: str) -> str:
    name = language.figure(f"InvRE {one.score:.1f}", lang)
    words = language.words(lang)["shares"]
    noise = words["noise"].format(level=language.figure(f"{number(100 * one.noise, 2)} %", lang))
    said = said.format(left=language.figure(f"{number(100 * one.left, 2)} %", lang))
    picture = f'<img src="{drawn.thumb(one.pixels)}" alt="{escape(words["alt"].format(name=name))}">'
    return f'<span class="ideal"><b>{escape(name)}</b>{picture}<span>{escape(said)}</span><span class="noise-level">{escape(noise)}</span></span>'
