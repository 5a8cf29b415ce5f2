"""The Attacks page: does training mode protect? What is known of every condition changed by itself, and of what the switches show."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from ...jobs.store import Job
from ...metrics import PSNR, SSIM, WORDS, quality, rank
from ...scenario.families import conditions
from .. import choice, known, state
from ..known import AttackOutcome
from ..victim import Victim, baseline, victim_of

VIEW = "conditions"
NOTHING: frozenset[str] = frozenset()
INFERENCE = frozenset({"inference"})


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """A set of conditions, and what every attacker got of it, seed by seed."""

    changed: frozenset[str]
    seeds: dict[int, dict[str, AttackOutcome]]
    truth: np.ndarray

    @property
    def attacks(self) -> list[AttackOutcome]:
        """All of them."""
        return [attack for one in self.seeds.values() for attack in one.values()]

    @property
    def jobs(self) -> list[Job]:
        """All that are after one of them."""
        return [attack.job for attack in self.attacks if attack.job is not None]

    @functools.cached_property
    def psnr(self) -> dict[str, dict[int, float]]:
        """In dB by attacker and seed, as far as it is known."""
        names = next(iter(self.seeds.values()))
        return {n: {seed: one[n].psnr for seed, one in self.seeds.items() if one[n].psnr is not None} for n in names}  # type: ignore[misc]

    @functools.cached_property
    def strongest(self) -> str:
        """The attacker with the best median; the first where none is known."""
        medians = {name: at for name, found in self.psnr.items() if (at := conditions.middle(found.values())) is not None}
        return conditions.best(medians) or next(iter(self.psnr))

    @property
    def reached(self) -> dict[int, float]:
        """What the strongest attacker got, in dB by seed."""
        return self.psnr[self.strongest]

    @functools.cached_property
    def ideal(self) -> np.ndarray | None:
        """The ideal attacker's pictures at the first seed; none of a client with dropout, whose score is that of the net without it."""
        client = conditions.scenario(self.changed, conditions.SEEDS[0])
        return None if client.defense else known.ready_ideal(client)

    def ideal_quality(self, between: str) -> str:
        """Word and PSNR of these pictures; only where there are some."""
        assert self.ideal is not None
        client = conditions.scenario(self.changed, conditions.SEEDS[0])
        scores = PSNR().score(self.ideal, self.truth), SSIM().score(self.ideal, self.truth)
        return quality(*scores, baseline(client, self.truth), between)

    @property
    def word(self) -> str:
        """What the strongest attacker's pictures show, from the least to the most over seeds and pictures."""
        said = [self.seeds[seed][self.strongest].word for seed in self.reached]
        low, high = min(said, key=lambda w: WORDS.index(w.split(" to ")[0])).split(" to ")[0], WORDS[max(map(rank, said))]
        return low if low == high else f"{low} to {high}"

    @functools.cached_property
    def ideal_psnr(self) -> float | None:
        """Of these very pictures, in dB."""
        return None if self.ideal is None else float(PSNR().score(self.ideal, self.truth).mean())


@dataclasses.dataclass(frozen=True, eq=False)
class Section:
    """What the section shows."""

    victim: Victim
    rows: list[Found]  # nothing changed first; what the switches show is among them
    chosen: frozenset[str]  # as the switches stand

    @property
    def here(self) -> Found:
        """What the switches show."""
        return self.of(conditions.felt(self.chosen))

    @property
    def base(self) -> Found:
        """Nothing changed."""
        return self.of(NOTHING)

    @property
    def active(self) -> bool:
        """Whether something of it is being computed."""
        return any(job.active for row in self.rows for job in row.jobs)

    def of(self, changed: frozenset[str]) -> Found:
        """The row of these conditions."""
        return next(row for row in self.rows if row.changed == changed)


def look() -> Section | str:
    """What is known; nothing is queued. Or why the pictures cannot be read."""
    chosen = conditions.read(state.view(VIEW))
    victim = victim_of(conditions.scenario(NOTHING, conditions.SEEDS[0]))
    if isinstance(victim, str):
        return victim
    wanted = list(dict.fromkeys([*conditions.alone(), conditions.felt(chosen)]))
    clients = [conditions.scenario(changed, seed) for changed in wanted for seed in conditions.SEEDS]
    got = iter(known.attacked(clients, conditions.attackers, victim.truth))
    rows = [Found(changed, {seed: next(got) for seed in conditions.SEEDS}, victim.truth) for changed in wanted]
    return Section(victim, rows, chosen)


def switches(chosen: frozenset[str]) -> None:
    """One for each condition; what has no effect where the others stand is grey, and says why."""
    idle = conditions.idle(chosen)
    for name, condition in conditions.CONDITIONS.items():
        value = condition.changed if name in chosen else condition.met

        def taken(new: str, name: str = name, changed: str = condition.changed) -> None:
            now = conditions.read(state.view(VIEW))
            state.set_view(VIEW, conditions.write(now | {name} if new == changed else now - {name}))

        choice.one_of(
            condition.label,
            f"condition {name}",
            (condition.met, condition.changed),
            value,
            taken,
            disabled=name in idle,
            help=idle.get(name) or condition.help,
        )
