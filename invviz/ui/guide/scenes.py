"""What the stops of the Guide show: pictures and figures of prepared results, and where the answer lies. Nothing is computed but scores of pictures."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np

from ...core.figures import number, percent
from ...engine.baseline import baseline_of
from ...metrics import PSNR, SSIM, Baseline, decibels, word
from ...risk.decomposition import Decomposition
from ...servers import SERVERS
from ...studies import gallery
from ...studies.gallery import broken, messages
from .. import finding, shipped
from ..views import RiskView
from ._cost import ALLOWED, DEFENSE, PICTURE, STUDY, cost
from ._cost import STRENGTH as STRENGTH_THERE
from ._scene import Picture, Scene, in_short

LEVELS = (10.0, 3.162, 1.0, 0.3162, 0.1, 0.001)  # of noise, at which ideal pictures make a scale from nothing to everything
COARSE, FINE = 5, 648  # of the kept directions: one that this noise leaves, one that it drowns
SAME = 1e-6  # of a message: by so much it may miss another one, and is the same but for rounding
STRENGTH, DIGIT = 30.0, 0  # of InvL-GNP; place of the digit
CURVES = {
    "of": STUDY,
    "budget": f"{100 * ALLOWED:g}",
    "privacy": "strongest",
    "point": f"{DEFENSE}@{STRENGTH_THERE:g}",
    "seen": str(PICTURE),
}  # the same on the page that it leads to


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A card of the Lab with what is known of it."""

    scene: gallery.Scene
    view: RiskView
    baseline: Baseline

    def quality(self, guess: np.ndarray) -> str:
        """Word and PSNR of a guess."""
        return in_short(*self.scores(guess), self.baseline)

    def word(self, guess: np.ndarray) -> str:
        """The word alone."""
        return word(*self.scores(guess), self.baseline)

    def scores(self, guess: np.ndarray) -> tuple[list[float], list[float]]:
        """PSNR and SSIM."""
        truth = self.scene.arrays["truth"]
        return PSNR().score(guess, truth).tolist(), SSIM().score(guess, truth).tolist()

    @property
    def truth(self) -> Picture:
        """The client's picture."""
        return Picture("truth", self.scene.arrays["truth"])

    @property
    def real(self) -> Picture:
        """What the attack got."""
        guess = self.scene.arrays["guess"]
        return Picture("real", guess, self.quality(guess))

    @property
    def ideal(self) -> Picture:
        """What the ideal attacker gets."""
        guess = self.scene.ideal(self.sigma)
        return Picture("ideal", guess, self.quality(guess))

    @property
    def sigma(self) -> float:
        """All noise on an entry."""
        return self.view.sigma(self.scene.scenario)


@lru_cache(maxsize=8)
def case(name: str) -> Case | None:
    """A card; None where it is not on this machine."""
    scene = gallery.load(name)
    view = None if scene is None else shipped.spectrum(scene.scenario)
    if scene is None or view is None:
        return None
    return Case(scene, view, baseline_of(scene.scenario, scene.arrays["truth"], None))


def leaves() -> Scene | None:
    """Whose message is it?"""
    kept = messages.load()
    if kept is None:
        return None
    options = [
        Picture("truth", picture, unit="differs" if far > SAME else "same") for picture, far in zip(kept.pictures, kept.missed, strict=True)
    ]
    figures = {"count": f"{kept.count:,}", "answer": "AB"[messages.SENT]}
    return Scene(figures, messages.SENT, before=(Picture("sent", kept.message),), options=tuple(options))


def back() -> Scene | None:
    """What an attack gets without noise."""
    found = case("no_noise")
    if found is None:
        return None
    ideals = [found.scene.ideal(level * found.scene.size.rms) for level in LEVELS]
    answer = _nearest([found.scores(ideal)[0][0] for ideal in ideals], found.scores(found.scene.arrays["guess"])[0][0])
    ideals[answer] = found.scene.arrays["guess"]  # what was got stands on the scale itself
    scale = tuple(Picture("plain", one, decibels(found.scores(one)[0][0])) for one in ideals)
    return Scene(
        {"steps": f"{found.scene.result['steps']:,}", "got": found.real.said},
        answer,
        before=(found.truth,),
        after=(found.real,),
        scale=scale,
        without=found.baseline,
    )


def noise() -> Scene | None:
    """What the ideal attacker sees behind as much noise as message."""
    found = case("heavy_noise")
    if found is None:
        return None
    sigma = found.sigma / found.scene.size.rms
    ideals = [found.scene.ideal(level * found.scene.size.rms) for level in LEVELS]
    seen = dataclasses.replace(found.ideal, said=decibels(found.scores(found.ideal.pixels)[0][0]))
    figures = {"real": found.real.said, "ideal": seen.said, "share": percent(found.view.figures(found.sigma).score)}
    scale = tuple(Picture("plain", ideal, percent(level), "noise") for level, ideal in zip(LEVELS, ideals, strict=True))
    answer = _nearest(list(np.log(LEVELS)), float(np.log(sigma)))
    return Scene(figures, answer, before=(found.truth, found.real), after=(seen,), scale=scale, shares=True, without=found.baseline)


def directions() -> Scene | None:
    """Which of two directions the same noise drowns."""
    found = case("heavy_noise")
    if found is None:
        return None
    values, floor = finding.levels(found.view.decomposition, found.sigma)
    options = tuple(Picture("pattern", found.scene.direction(index)) for index in (COARSE, FINE))
    drowned = int(values[FINE] < values[COARSE])
    figures = {
        "answer": "AB"[drowned],
        "times": number(values[COARSE] / values[FINE], 2),
        "above": f"{(values > floor).sum():,}",
        "size": f"{values.size:,}",
        "carried": carried(found.view.decomposition, values > floor),
    }
    return Scene(figures, drowned, options=options, spectrum=(values, floor, (COARSE, FINE)))


def carried(decomposition: Decomposition, kept: np.ndarray) -> str:
    """How much of the variance of pictures, as the prior has it, lies in some of its directions (one a direction, bool)."""
    return percent(decomposition.weights[kept].sum() / decomposition.trace)


def failed() -> Scene | None:
    """An attack that found nothing, and what was there."""
    found = case("trained")
    if found is None:
        return None
    score = found.view.figures(found.sigma).score
    figures = {"steps": f"{found.scene.result['steps']:,}", "real": found.real.said, "ideal": found.ideal.said}
    figures |= {"invre": f"{score:.2f}", "share": percent(score)}
    return Scene(figures, 1, before=(found.real,), after=(found.ideal, found.truth), without=found.baseline)


def fooled() -> Scene | None:
    """InvL-GNP, for one who knows it and one who does not."""
    story = broken.load()
    if story is None:
        return None
    base = Baseline(**{name: tuple(values) for name, values in story.baselines[DIGIT].items()})
    cells = {scale: story.at(scale)[DIGIT].got for scale in broken.SCALES}
    last = cells[STRENGTH]
    said = {who: in_short(one.psnr, one.ssim, base) for who, one in last.items()}
    shown = [(got["unaware"], "by_unaware") for _, got in sorted(cells.items(), reverse=True)] + [(last["tangent"], "by_solver")]
    return Scene(
        {"unaware": said["unaware"], "law": said["law"], "solved": said["tangent"], "unknowns": f"{story.truths[DIGIT].size:,}"},
        len(shown) - 1,
        before=(Picture("truth", story.truths[DIGIT]), Picture("unaware", last["unaware"].guess, said["unaware"])),
        after=(Picture("law", last["law"].guess, said["law"]), Picture("solves", last["tangent"].guess, said["tangent"])),
        scale=tuple(Picture("plain", one.guess, in_short(one.psnr), whose) for one, whose in shown),
        without=base,
    )


def open_() -> Scene | None:
    """A layer that gives a picture away."""
    found = case("linear")
    if found is None:
        return None
    read = dataclasses.replace(found.real, role="layer")
    return Scene({"got": read.said}, 0, before=(found.truth, read), built=any(server.malicious for server in SERVERS.values()))


def _nearest(values: list[float], value: float) -> int:
    """Place of the nearest."""
    return int(np.abs(np.array(values) - value).argmin())


__all__ = ["Scene", "back", "cost", "directions", "failed", "fooled", "leaves", "noise", "open_"]
