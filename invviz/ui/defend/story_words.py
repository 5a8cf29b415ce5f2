"""InvL-GNP, broken, in words and lines: each sentence with the condition under which it is said."""

from __future__ import annotations

import functools

import numpy as np

from ...charts.tangent import Line
from ...core.figures import number, percent
from ...metrics import EXACT, decibels
from ...studies.gallery import broken
from ...studies.gallery.broken import Story

FALLS = 1.0  # dB by which the ideal attacker's expected best must fall, or tangent search must gain over noise beneath, for a sentence that says so


def headline(story: Story) -> str:
    """What came out, over all strengths and pictures. "Every" is said where every answer was certified and is exact."""
    read, count = _read(story), len(story.cells)
    if read == count:
        return "Broken here: who solves for InvL-GNP's noise reads every picture, at every strength tried"
    return f"Broken here: who solves for InvL-GNP's noise reads {read} of {count} times exactly"


def lesson(story: Story) -> str:
    """The chart's finding. That the ideal attacker's expected best falls is said where its mean does, by at least FALLS dB from the least noise to the most."""
    ideal, read = _ideal(story), _read(story)
    tangent = "tangent search stays exact" if read == len(story.cells) else f"tangent search reads {read} of {len(story.cells)}"
    if ideal[0] - ideal[-1] < FALLS:
        return f"Over the strength of the noise: {tangent}"
    return f"More noise: the ideal attacker falls from {ideal[0]:.0f} to {ideal[-1]:.0f} dB, {tangent}"


def reasons(story: Story) -> list[str]:
    """Why, in three sentences; that more noise tells more is said where other pictures miss by more, from every strength to the next."""
    far = [float(np.mean([cell.missed for cell in story.at(scale)])) for scale in broken.SCALES]
    figures = f"by {number(100 * far[0], 2)} % of the message's size at strength {broken.SCALES[0]:g}, by {number(100 * far[-1], 2)} % at {broken.SCALES[-1]:g}"
    measured = f"(measured, pictures at {broken.NEAR:.0f} dB from the true one: {figures}; rounding is 10⁻¹⁴ %)"
    rising = all(a < b for a, b in zip(far, far[1:], strict=False))
    return [
        "All messages without noise form a curved surface, and this noise is a step along its tangent at the true picture: however long, it never leaves that tangent.",
        "Other pictures have other tangents, which miss the message (that is sure nearby, not far away): the attacker looks for the picture whose tangent does not.",
        f"The longer the step, the further they miss {measured}: **more noise tells more**."
        if rising
        else f"How far they miss: {measured}.",
    ]


def border(story: Story) -> str:
    """Where it holds and where it does not; that noise beneath is overcome by more of the other is said where it is, by at least FALLS dB each."""
    ends = {
        name: [float(story.psnr(name, scale).mean()) for scale in (broken.SCALES[0], broken.SCALES[-1])]
        for name in (*broken.BENEATH, "isotropic")
    }
    figures = "; ".join(
        f"{percent(share)} of it leaves tangent search {decibels(ends[name][0])} and {decibels(ends[name][1])}"
        for name, share in broken.BENEATH.items()
    )
    overcome = all(ends[name][1] - ends[name][0] >= FALLS for name in broken.BENEATH)
    beneath = (
        "protects only where it is loud beside InvL-GNP: there, too, more noise tells more"
        if overcome
        else "protects at the strengths tried"
    )
    return (
        "**Where this holds.** Our reading of the paper's defense: its noise is for embeddings (InvL-ENP), the one for gradients (GNP) is derived here. The attacker knows the defense; the net is "
        "smooth; the message is at least twice as long as the batch. Water-filling draws its noise in the same directions.  \n"
        f"**Not broken:** nets with kinks (ReLU); messages of at most as many numbers as the picture. Up to twice as many do not determine it: one of six was read to 36 dB there, none exactly. **Isotropic noise beneath** {beneath} (▲; at strength {broken.SCALES[0]:g} and {broken.SCALES[-1]:g}: {figures}). "
        f"Isotropic noise of InvL-GNP's energy in its place (■) leaves tangent search nothing to hold on to: the aware DLG gets {decibels(ends['isotropic'][0])} and {decibels(ends['isotropic'][1])}.  \n"
        "**A share that holds.** The knob *isotropic* makes a share of the noise isotropic, at the same energy; `python -m invviz isotropic SCENARIO` chooses the share that leaves the stronger "
        "attacker least, to first order (0.4 to 1 on digits, more where the noise is louder). Where the noise is weak it hides more than isotropic noise alone of the same energy; at the same accuracy it is unclear what is left (4 digits, 2 seeds: InvL-GNP 0.5 to 1.3 dB worse than isotropic noise, water-filling 0.1 to 1 dB better; a third, unfinished: over 3 dB better)."
    )


def worst(story: Story) -> str:
    """Tangent search's least, over all strengths and pictures, and whether it certified it."""
    cell = min(story.cells, key=lambda one: one.got["tangent"].psnr)
    index, seed = broken.PICTURES[cell.place]
    return f"Worst of {len(story.cells)}: {decibels(cell.got['tangent'].psnr, 0)} (digit {index}, seed {seed}, strength {cell.scale:g}{'' if cell.got['tangent'].exact else '; not certified'})."


def _read(story: Story) -> int:
    """In how many cells tangent search certified its answer, and it is exact."""
    return sum(cell.got["tangent"].exact and cell.got["tangent"].psnr >= EXACT for cell in story.cells)


@functools.lru_cache(maxsize=2)  # the same at every drawing
def lines(story: Story) -> tuple[Line, ...]:
    """The chart's lines: three attackers behind InvL-GNP and the ideal one; tangent search where other noise lies beneath, and other noise instead."""
    mean = lambda name: [float(story.psnr(name, scale).mean()) for scale in broken.SCALES]  # noqa: E731
    each = lambda name: [[float(v) for v in story.psnr(name, scale)] for scale in broken.SCALES]  # noqa: E731
    return (
        Line("solves for the noise", mean("tangent"), each("tangent"), "diamond", bold=True),
        Line(f"… {percent(broken.BENEATH['beneath'])} beneath", mean("beneath"), each("beneath"), "triangle-up"),
        Line("isotropic", mean("isotropic"), each("isotropic"), "square", thin=True),
        Line("ideal attacker", _ideal(story), ideal=True),
        Line("expects such noise", mean("law"), each("law")),
        Line("unaware", mean("unaware"), each("unaware"), hollow=True),
    )


def _ideal(story: Story) -> list[float]:
    """The ideal attacker's expected best by strength, mean over pictures."""
    return [float(np.mean([cell.ideal for cell in story.at(scale)])) for scale in broken.SCALES]
