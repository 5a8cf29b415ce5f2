"""What is known of several scenarios side by side, and asking for what is not: attacks and spectra from the gallery or the store."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import numpy as np

from ..core.table import right
from ..engine.bounds import Reason
from ..jobs.limits import risk_problems
from ..jobs.store import Job
from ..metrics import PSNR, SSIM, Baseline, decibels, quality, word
from ..scenario import Scenario, problems
from . import look, lookup, shipped, sources
from .memory import Memory, fingerprint
from .victim import baseline
from .views import Figures, RiskView, RunView


@dataclasses.dataclass(frozen=True, eq=False)
class AttackOutcome:
    """What one attacker got of one scenario, is getting, or could get."""

    scenario: Scenario
    result: dict[str, Any] | None = None
    guess: np.ndarray | None = None
    job: Job | None = None
    truth: np.ndarray | None = None

    @functools.cached_property
    def psnr(self) -> float | None:
        """Mean over the batch, in dB."""
        return None if self.result is None else float(np.mean(self.each("psnr")))

    def each(self, metric: str) -> list[float]:
        """Its scores, one a picture; NaN where there is none."""
        return [float("nan") if v is None else float(v) for v in (self.result or {}).get("scores", {}).get(metric) or [float("nan")]]

    @functools.cached_property
    def word(self) -> str:
        """How much of the pictures its own show; empty where it has none yet, and of rows of a table, which have no words."""
        if self.result is None or self.truth is None or self._baseline is None:
            return ""
        return word(self.each("psnr"), self.each("ssim"), self._baseline)

    def quality(self, between: str = ", ") -> str:
        """Word and PSNR; of rows of a table how many cells are right."""
        if self.scenario.columns and self.truth is not None and self.guess is not None:
            return cells(self.scenario, self.truth, self.guess) + between + decibels(self.psnr if self.psnr is not None else float("nan"))
        return quality(self.each("psnr"), self.each("ssim"), None if self.truth is None else self._baseline, between)

    @functools.cached_property
    def _baseline(self) -> Baseline | None:
        assert self.truth is not None
        return baseline(self.scenario, self.truth)

    @property
    def left(self) -> bool:
        """Whether it is still to be run, and nobody is at it."""
        whole = self.result is not None and not self.result["stopped"]
        return not (whole or (self.job is not None and self.job.active)) and not problems(self.scenario)


@dataclasses.dataclass(frozen=True, eq=False)
class Known:
    """One of several scenarios that stand side by side, and what each attacker got of it."""

    scenario: Scenario
    unfit: str  # why its parts do not fit together, in words
    unscored: str  # why its spectrum is not computed
    attacks: dict[str, AttackOutcome]
    view: RiskView | None
    job: Job | None  # after the spectrum
    truth: np.ndarray
    rough: np.ndarray | None = (
        None  # the ideal attacker's picture by a first sketch, while the spectrum is computed; no verdict rests on it
    )

    @functools.cached_property
    def sigma(self) -> float:
        """All noise on a message entry."""
        assert self.view is not None
        return self.view.sigma(self.scenario)

    @functools.cached_property
    def figures(self) -> Figures | None:
        """InvRE and ceiling."""
        return None if self.view is None else self.view.figures(self.sigma)

    @functools.cached_property
    def against(self) -> list[Reason]:
        """Why the expected best is no bound; only where there is a spectrum."""
        assert self.view is not None
        return self.view.against(self.scenario)

    @functools.cached_property
    def ideal(self) -> np.ndarray | None:
        """The ideal attacker's picture."""
        return None if self.view is None else _ideal(self.scenario, self.view, self.sigma)

    @functools.cached_property
    def ideal_psnr(self) -> float | None:
        """Of this very picture, in dB."""
        return None if self.ideal is None else float(np.mean(self._ideal_scores[0]))

    @functools.cached_property
    def _ideal_scores(self) -> tuple[list[float], list[float]]:
        assert self.ideal is not None
        picture, truth = self.ideal, self.truth
        both = lambda: (PSNR().score(picture, truth).tolist(), SSIM().score(picture, truth).tolist())  # noqa: E731
        return _scores.of((fingerprint(picture), fingerprint(truth)), both)

    def ideal_quality(self, between: str = ", ") -> str:
        """Word and PSNR of the ideal attacker's picture, or cells of its row; only where there is one."""
        if self.scenario.columns:
            assert self.ideal is not None and self.ideal_psnr is not None
            return cells(self.scenario, self.truth, self.ideal) + between + decibels(self.ideal_psnr)
        return quality(*self._ideal_scores, baseline(self.scenario, self.truth), between)

    def word(self, who: str) -> str:
        """How much of the pictures an attacker's show ("ideal" or the name of an attack); empty where it is not known."""
        if who == "ideal":
            against = None if self.ideal is None else baseline(self.scenario, self.truth)
            return "" if against is None else word(*self._ideal_scores, against)
        return self.attacks[who].word

    @property
    def so_far(self) -> str:
        """What is said under the first sketch."""
        assert self.rough is not None
        return f"{decibels(float(PSNR().score(self.rough, self.truth).mean()))} so far: {look.said(self.job)}"

    @functools.cached_property
    def got(self) -> dict[str, float | None]:
        """PSNR by attacker."""
        return {**{who: attack.psnr for who, attack in self.attacks.items()}, "ideal": self.ideal_psnr}

    @functools.cached_property
    def best(self) -> float | None:
        """What the best attacker got, as far as it is known."""
        known = [psnr for psnr in self.got.values() if psnr is not None]
        return max(known) if known else None

    @property
    def jobs(self) -> list[Job]:
        """All that are after something of it."""
        found = [*(attack.job for attack in self.attacks.values()), self.job]
        return [job for job in found if job is not None]


def cells(scenario: Scenario, truth: np.ndarray, guess: np.ndarray) -> str:
    """How many cells of a table's rows are right."""
    hits = right(scenario.columns, truth, guess)
    return f"{hits.sum()} of {hits.size} cells"


_ideals: Memory[np.ndarray] = Memory(400)
_scores: Memory[tuple[list[float], list[float]]] = Memory(1_000)


def _ideal(scenario: Scenario, view: RiskView, sigma: float) -> np.ndarray:
    """The ideal attacker's picture, by all that it depends on."""
    return _ideals.of((scenario.key("risk"), view.decomposition.method, sigma), lambda: view.draw(sigma).clip(0, 1))


K = TypeVar("K", bound=Known)


def found(
    make: type[K],
    scenarios: Sequence[Scenario],
    attackers: Callable[[Scenario], dict[str, Scenario]],
    truth: np.ndarray,
    unseen: Collection[Scenario] = (),
    asked: Collection[Scenario] | None = None,
) -> list[K]:
    """Every scenario with what is known of it; missing spectra are queued, attacks are not.

    Args:
        make: what to make of each.
        scenarios: side by side.
        attackers: the attacks on a scenario, by name.
        truth: the batch that all are about.
        unseen: those of which the ideal attacker's picture is not shown.
        asked: those whose spectra are computed where they are missing; None: all.
    """
    views, waited = spectra([s for s in scenarios if not risk_problems(s)], truth, unseen, asked)
    rough = look.sketches({s: lambda: truth for s, job in waited.items() if job.active and s not in unseen})
    drawn = {s: view.draw(view.sigma(s)).clip(0, 1) for s, view in rough.items()}
    return [
        make(s, " ".join(problems(s)), " ".join(risk_problems(s)), attacks, views.get(s), waited.get(s), truth, drawn.get(s))
        for s, attacks in zip(scenarios, attacked(scenarios, attackers, truth), strict=True)
    ]


def attacked(
    scenarios: Sequence[Scenario], attackers: Callable[[Scenario], dict[str, Scenario]], truth: np.ndarray
) -> list[dict[str, AttackOutcome]]:
    """What is known of the attacks on every scenario, by name; nothing is queued. Arguments as of `found`."""
    listed = [attackers(s) for s in scenarios]
    there = lookup.attacks({a: truth for one in listed for a in one.values()})
    return [{who: _attack(a, there[a], truth) for who, a in one.items()} for one in listed]


def ready_ideal(scenario: Scenario) -> np.ndarray | None:
    """The ideal attacker's picture where it came with the package; nothing is queued."""
    view = shipped.spectrum(scenario)
    return None if view is None else _ideal(scenario, view, view.sigma(scenario))


def spectra(
    fitting: Sequence[Scenario], truth: np.ndarray, unseen: Collection[Scenario] = (), asked: Collection[Scenario] | None = None
) -> tuple[dict[Scenario, RiskView], dict[Scenario, Job]]:
    """Those that are ready; the others are queued, and what is no longer compared is not waited for any more.

    Args:
        fitting: scenarios whose risk can be computed.
        truth: the batch that all are about.
        unseen: those of which the ideal attacker's picture is not shown.
        asked: those that are computed where they are missing; None: all.

    Returns:
        Spectra, and the jobs that are after the missing ones.
    """
    there = lookup.spectra(dict.fromkeys(fitting, truth), unseen)
    views = {s: one.view for s, one in there.items() if one.view is not None}
    missing = {s: one.job for s, one in there.items() if one.view is None and (asked is None or s in asked or _active(one.job))}
    return views, sources.compare(missing)


def _active(job: Job | None) -> bool:
    return job is not None and job.active


def _attack(scenario: Scenario, found: lookup.Found[RunView], truth: np.ndarray) -> AttackOutcome:
    sources.join(scenario, found.job)
    run = found.view
    return (
        AttackOutcome(scenario, None, None, found.job)
        if run is None
        else AttackOutcome(scenario, run.result, shipped.floats(run.guess), found.job, truth)
    )
