"""What moves with the slider on pages that the server draws: a line of figures under it, and the ideal attacker's picture in its row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...metrics import PSNR, SSIM, quality
from ...scenario import Scenario
from ..known import Known
from ..victim import baseline
from . import noise, stops
from .table import Shown

Say = Callable[[np.ndarray], str]


def draw(board: str, here: Known, what: str, into: str, title: str, say: Say | None = None) -> None:
    """Both, where they are known; to be drawn below the slider.

    Args:
        board: of the page.
        here: the scenario that the slider belongs to, and what is known of it.
        what: the figures are of, as the line begins.
        into: where the picture stands, as a CSS selector.
        title: before the words of the picture's alternative text.
        say: the words below a picture (b, c, h, w) in [0, 1]; None: its quality.
    """
    if not here.scenario.defense:
        return
    said = say or _quality(here.scenario, here.truth)
    found = stops.table_of(board, here.scenario, here.view, Shown("ideal", lambda picture, sigma: ("", said(picture))))
    noise.table(board, found)
    if found is not None:
        noise.part(board, "brief", what=what)
        if found.pictures:
            noise.part(board, "tile", into=into, title=title)


def _quality(scenario: Scenario, truth: np.ndarray) -> Say:
    def say(picture: np.ndarray) -> str:
        return quality(PSNR().score(picture, truth).tolist(), SSIM().score(picture, truth).tolist(), baseline(scenario, truth), " · ")

    return say
