"""The figures of single results: pictures as PNG within the page, curves as SVG."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Sequence
from html import escape

import numpy as np

from ..charts._colours import IDEAL, REAL, TRUTH
from ..charts.pictures import to_png
from ..core import figures
from ..metrics import PSNR, SSIM, Baseline, quality
from ._collect import Spectrum
from ._numbers import number
from ._svg import Axis, Level, Line, chart

SIDE = 256  # pixels of a picture, about
DECADES = 9  # of a spectrum


@dataclasses.dataclass(frozen=True)
class Figure:
    """Something to look at: HTML, and what it shows in one sentence, for those who do not see it and for Markdown."""

    body: str
    finding: str
    footer: str


def psnr_of(guess: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Mean PSNR and SSIM."""
    return float(np.mean(PSNR().score(guess, truth))), float(np.mean(SSIM().score(guess, truth)))


def picture_figure(
    truth: np.ndarray,
    ideal: np.ndarray | None,
    guess: np.ndarray | None,
    score: tuple[float, float],
    scenario: str,
    unseen: Baseline | None = None,
) -> Figure:
    """Truth, what an ideal attacker sees, what the real one got, all at the same size.

    Args:
        truth: (b, c, h, w) in [0, 1].
        ideal: likewise or None.
        guess: likewise or None.
        score: PSNR and SSIM of the guess; without one, of the ideal attacker's picture.
        scenario: for the footer.
        unseen: how good what needs no message is; None gives no words.
    """
    columns = [(truth, TRUTH, "truth", "the client's")]
    says = []
    if ideal is not None:
        words = _words(*(psnr_of(ideal, truth) if guess is not None else score), unseen)
        columns.append((ideal, IDEAL, "ideal attacker", words))
        says.append(f"ideal attacker: {words}")
    if guess is not None:
        words = _words(*score, unseen)
        columns.append((guess, REAL, "real attack", words))
        says.append(f"real attack: {words}")
    text = "; ".join(says)
    finding = text[:1].upper() + text[1:] + (f" (mean of {len(truth)} pictures)" if len(truth) > 1 else "")
    parts = [
        f'<div><img alt="{escape(f"{name}: {words}")}" src="{_data_uri(pictures, colour)}"><b>{name}</b><span>{escape(words)}</span></div>'
        for pictures, colour, name, words in columns
    ]
    return Figure(f'<div class="row">{"".join(parts)}</div>', finding, scenario)


def _words(psnr: float, ssim: float, unseen: Baseline | None) -> str:
    return (
        "no score"
        if math.isnan(psnr)
        else quality(psnr, ssim, unseen, ", PSNR ") + ("" if math.isnan(ssim) else f", SSIM {number(ssim, 2)}")
    )


def _data_uri(pictures: np.ndarray, colour: str) -> str:
    return "data:image/png;base64," + base64.b64encode(to_png(np.asarray(pictures), colour, SIDE)).decode()


def loss_figure(steps: np.ndarray, loss: np.ndarray, scenario: str) -> Figure:
    """Matching loss over the steps of the attempt that was kept."""
    first, last = float(loss[0]), float(loss[-1])
    finding = f"The matching loss went from {figures.number(first, 2)} to {figures.number(last, 2)} in {int(steps[-1]):,} steps"
    x = Axis("step of the attack", float(steps[0]), max(float(steps[-1]), float(steps[0]) + 1), form=",d")
    low, high = float(loss.min()), float(loss.max())
    y = Axis("matching loss", low / 1.3, high * 1.3, log=True)
    return Figure(chart(finding, x, y, [Line(steps, loss, "real")]), finding, scenario)


def spectrum_figure(s: Spectrum, scenario: str) -> Figure:
    """Singular values with the floor: filled above, pale below."""
    values, floor = s.levels, s.floor
    readable, count = int((values > floor).sum()), len(values)
    total = s.figures["n"] * s.figures.get("clients", 1)
    kept = "" if count == total else f" (the {count:,} leading ones were computed)"
    finding = f"{'' if s.figures['method'] == 'exact' else 'At least '}{readable:,} of {total:,} directions lie above the noise floor{kept}"
    if not count or values[0] <= 0:
        return Figure("<p>The message tells of no direction at all.</p>", "The message tells of no direction at all", scenario)
    top = float(values[0]) * 2
    positive = values[values > 0]
    low = max(min(float(positive[-1]) / 2, floor / 3 if floor > 0 else math.inf), top * 10.0**-DECADES)
    drawn, places = np.maximum(values, low), np.arange(1, count + 1)
    x = Axis("direction, strongest first", 1, max(2, count), form=",d")
    y = Axis("singular value", low, max(top, floor * 2), log=True)
    marks: list[Line | Level] = []
    if readable:
        marks.append(Line(places[:readable], drawn[:readable], "readable", low))
    if readable < count:
        start = max(0, readable - 1)
        marks.append(Line(places[start:], drawn[start:], "drowned", low))
    marks.append(Line(places, drawn, "ideal"))
    if floor > 0:
        marks.append(Level(floor, f"noise floor {figures.number(floor, 2)}", "floor"))
    return Figure(chart(finding, x, y, marks), finding, scenario)


def accuracy_figure(history: Sequence[Sequence[float]], classes: int | None, scenario: str) -> Figure:
    """Accuracy on held-out pictures over the rounds."""
    rounds, accuracy = np.array([row[0] for row in history], float), 100 * np.array([row[1] for row in history], float)
    finding = f"Accuracy went from {accuracy[0]:.1f} % to {accuracy[-1]:.1f} % in {int(rounds[-1]):,} rounds"
    x = Axis("round", float(rounds[0]), max(float(rounds[-1]), float(rounds[0]) + 1), form=",d")
    y = Axis("accuracy on held-out pictures (%)", 0, 100)
    marks: list[Line | Level] = [Level(100 / classes, "chance", "chance")] if classes else []
    return Figure(chart(finding, x, y, [*marks, Line(rounds, accuracy, "defense")]), finding, scenario)
