"""Tangent search: noise that lies along the Jacobian's own directions is solved for together with the picture."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.tree import flatten
from ..core.types import Knowledge, Reconstruction
from ._base import Attack, Unreadable
from ._coloured_map import Place, descend, error, fits
from ._fit import Fit
from ._matching import Enough, Watch, in_double, search
from ._priors import textures
from ._tangent import LARGE, LITTLE, Projected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor

    from ..core.types import Observation, Progress

FAR = (1e-2, 1e-4, 1e-6, 1e-9, 1e-12)  # weights of the prior, one stage after the other, before the last without: the first two starts
NEAR = FAR[1:]  # the others: a heavy prior always ends in the same two valleys
LEFT = 4  # roundings of the message: relative misfit at which nothing is left to search for
ROUNDINGS = 50  # at which it counts as explained: the client's own derivatives lose a digit or two when the noise is loud
UNEXPLAINED = 1e-11  # misfit, squared, from which on pictures are still far off: d alone makes up for most of the message
SURE = 50.0  # dB: an answer counts as determined where rounding alone would leave at least this
MIRRORS = 3  # most of one start, one after the other, as long as each explains more
STARTS = 3  # most where the law of the noise is known: they end in the same picture almost always
ROUGH = 0.1  # gain below which all stages but the last are over where there are many unknowns (LARGE)
CLEAR = 1e-13  # share of |K|^2 below which a curvature is lost in rounding: K^T K - K^T J (J^T J)^-1 J^T K cancels


@dataclasses.dataclass(frozen=True)
class Tangent(Attack):
    """Solves m = G(x) + J(x) d for the picture x and the noise's steps d, by variable projection (Golub and Pereyra 1973).

    InvL-GNP, InvL-ENP and water-filling draw their noise in the range of the Jacobian at the private picture, so the equation holds exactly, whatever the noise's
    size. Where the message is at least twice as long as the picture and G curves, few pictures fit it, and more noise spells out the tangent space and so the
    picture more clearly. Source: [D] theory T11. The natural prior leads the way with a weight that falls to zero, or to what isotropic noise beneath asks for.
    Starts are pictures drawn from the prior, and the negatives of the answers that they end in. Where a start ends short of the message, it goes on at x + 2d:
    that picture with noise -d gives the same message to second order, so the picture itself is often what lies there.
    It has nothing to go on where the message is shorter than that; kinks (ReLU) stop it, and isotropic noise beneath where it is loud beside the other. Where that is a
    share of the same noise (knob `isotropic`), it looks for the likeliest picture instead, with the covariance taken anew at every guess.
    """

    name: ClassVar[str] = "tangent"
    title: ClassVar[str] = "Tangent search"
    exact: ClassVar[str] = "the message is explained to its rounding, and picture and noise are determined by it (it says so)"
    paper: ClassVar[str] = "golub1973differentiation"
    needs_tangent_noise: ClassVar[bool] = True
    solves: ClassVar[bool] = True  # its picture alone does not reproduce the message: the noise is found beside it
    one_round: ClassVar[bool] = True

    steps: int = knob(100, "most steps per start", low=1, high=10_000, unit="steps")
    restarts: int = knob(
        6,
        "most starts, every other one at the negative of the last answer; another one is made only when the last did not explain the message, the best is chosen "
        "by the misfit",
        low=1,
        high=50,
    )

    def wants(self) -> Knowledge:
        """Labels, and that there is such noise."""
        return Knowledge(labels=True, batch_size=True, defense=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The picture that with the best tangent noise explains most of the message, and whether it is the only one nearby."""
        return self.solved(obs, rng, progress)[0]

    def solved(self, obs: Observation, rng: Generator, progress: Progress, start: Tensor | None = None) -> tuple[Reconstruction, float]:
        """`reconstruct`, and what the answer's own curvature says of its error, as PSNR in dB: to first order, and 0 where the message is not explained as far as its rounding, or noise beneath, allows. `start` is another attack's answer, tried first where the law of the noise is known."""
        like, label = obs.template.private, obs.template.label
        grey = obs.template.at(obs.grey, label)
        if obs.sigma_beneath is None:
            return Reconstruction(
                grey, math.inf, note="No noise along the Jacobian's directions is known of here: use dlg.", failed=True
            ), 0.0
        try:
            fit = Fit.of(dataclasses.replace(in_double(obs), whiten=None, noise=0.0), label)
        except Unreadable as why:
            return Reconstruction(grey, math.inf, note=f"{why}.", failed=True), 0.0
        if (rows := len(fit.target)) <= fit.size:
            note = f"{rows:,} numbers came, and noise along {fit.size:,} directions explains any of them: nothing is left for the picture. Use dlg."
            return Reconstruction(grey, math.inf, note=note, failed=True), 0.0
        if obs.covariance_at is not None:
            return self._coloured(obs, fit, rng, progress, start)
        size = float(flatten(obs.message).double().norm())
        beneath = (obs.sigma_beneath / size) ** 2
        rounding = max(torch.finfo(leaf.dtype).eps for leaf in obs.message.values())
        goal = 0.0 if beneath else (LEFT * rounding) ** 2
        watch = Watch(progress, self.steps, goal, max(UNEXPLAINED, (100 * rounding) ** 2, 2 * beneath * rows))
        tried: list[Projected] = []
        firsts: list[int] = []  # where in it every start begins; its mirrors follow

        def at(z: Tensor, weights: Sequence[float], little: float = LITTLE) -> Projected:
            for one in tried:
                one.frame = one.frame if one is _least(tried) else None  # as large as the message times the picture
            tried.append(Projected(fit, watch, z, torch.zeros_like(z)))
            for weight in weights[:-1]:
                tried[-1].descend(weight, goal, max(little, ROUGH) if fit.size > LARGE else little)
            tried[-1].descend(weights[-1], goal, little)
            watch.see(
                tried[-1].objective, obs.template.at(fit.picture(tried[-1].z), label)
            )  # a stage with nothing left to do has not been seen
            return tried[-1]

        def attempt() -> None:
            start = (
                -tried[firsts[-1]].z if watch.start % 2 else _texture(fit, rng)
            )  # a net of odd activations takes the negative for nearly the picture itself
            weights = FAR if watch.start < 2 else NEAR
            firsts.append(len(tried))
            try:
                here = at(start, [*(w for w in weights if w > beneath), beneath])
                for _ in range(MIRRORS):
                    if here.misfit <= goal:
                        return
                    there = at(
                        here.z + 2 * here.d, [beneath], LITTLE / 10
                    )  # of the same message to second order: G(x + 2d) - J(x + 2d) d = G(x) + J(x) d
                    if not there.objective < here.objective:
                        return
                    here = there
            except Enough:  # who runs out of steps is to start again, as who is stuck is
                watch.gave_up = not watch.stopped and not min(one.objective for one in tried) <= watch.unmatched
                raise

        found = search(obs, watch, self.restarts, attempt, every=False)
        best = _least(tried)
        error = 0.0
        if best is not None and not found.stopped:
            note, sure, error = self._verdict(fit, best, beneath, rounding)
            answer = obs.template.at(fit.picture(best.z).clamp(*obs.bounds), label)  # the very one that the note speaks of
            found = dataclasses.replace(found, batch=answer, note=f"{found.note} {note}".strip(), failed=found.failed and not sure)
        return dataclasses.replace(found, batch=found.batch.at(found.batch.private.to(like.dtype))), 0.0 if found.failed else error

    def _coloured(
        self, obs: Observation, fit: Fit, rng: Generator, progress: Progress, start: Tensor | None
    ) -> tuple[Reconstruction, float]:
        """The same where part of the noise is isotropic, so that how much there is of the rest counts, too: the likeliest picture, and its error as the posterior says."""
        assert obs.sigma_beneath is not None
        unit = (obs.sigma_beneath / float(flatten(obs.message).double().norm())) ** 2
        watch = Watch(progress, self.steps, 0.0, 2 * unit * len(fit.target))
        left = [
            *([] if start is None else [start]),
            obs.grey,
            *(textures(1, obs.grey, rng).expand_as(obs.grey) for _ in range(self.restarts)),
        ]
        places: list[tuple[bool, float, Place]] = []

        def attempt() -> None:
            loose = descend(obs, left.pop(0), watch, unit, loose=True)
            places.append((True, loose.value, loose))
            sharp = descend(obs, loose.image, watch, unit, loose=False)
            if fits(sharp):
                places.append((False, sharp.value, sharp))

        found = search(obs, watch, min(self.restarts, STARTS), attempt)
        if found.stopped or not places:
            return dataclasses.replace(found, batch=found.batch.at(found.batch.private.to(obs.grey.dtype))), 0.0
        best = min(places, key=lambda place: place[:2])[2]
        said = error(best, obs)
        note = f"Part of the noise is isotropic ({100 * (unit * len(fit.target)) ** 0.5:.2g} % of the message): the likeliest picture, to first order uncertain to about {said:.0f} dB; not exact."
        image = best.image.clamp(*obs.bounds).to(obs.grey.dtype)
        return dataclasses.replace(found, batch=found.batch.at(image), note=f"{found.note} {note}".strip()), said

    def _verdict(self, fit: Fit, best: Projected, beneath: float, rounding: float) -> tuple[str, bool, float]:
        """What misfit and curvature at the answer say of it, whether that is a certificate, and the error (dB) that they leave; 0 where it is not known."""
        rows, size = len(fit.target), fit.size
        if rows <= 2 * size:
            return f"Not determined: {rows:,} numbers came, and picture and noise are {2 * size:,} unknowns.", False, 0.0
        if not (beneath or best.misfit <= (ROUNDINGS * rounding) ** 2):
            return f"Not exact: {best.misfit**0.5:.1e} of the message is left unexplained.", False, 0.0
        best.weight = beneath  # a search that ran out of steps was at a heavier one, and a prior is no evidence
        _, curvature = best.curvature()
        if not bool(torch.isfinite(curvature).all()):  # far outside the bounds, where kinks or saturated layers are all there is
            return "Not exact: how the message moves at the answer is not finite.", False, 0.0
        lost = max(CLEAR, (ROUNDINGS * rounding) ** 2) * best.loud  # beside the exact answer, free directions are seen to curve a little
        free = int((torch.linalg.eigvalsh(curvature) <= lost).sum())
        error = 0.0 if free else _error(curvature, beneath or max(best.misfit, rounding**2) / (rows - 2 * size), fit)
        left, about = f"{best.misfit**0.5:.0e}", f"about {error:.0f} dB"
        if free and best.misfit <= (ROUNDINGS * rounding) ** 2:
            exchanged = f"along {free:,} of {size:,} directions noise makes up for any change of it"
            return f"The message is explained to its rounding ({left}), but does not determine the picture: {exchanged}.", False, 0.0
        if beneath:
            share = 100 * (beneath * rows) ** 0.5
            return (
                f"Isotropic noise lies beneath ({share:.2g} % of the message): to first order it leaves {about} at the answer; not exact.",
                False,
                error,
            )
        if not error >= SURE:
            return f"The message is explained to its rounding ({left}), but does not determine the picture ({about}).", False, error
        return (
            f"Exact: picture and noise explain the message to its rounding ({left}), and no other picture nearby does: rounding leaves at least {about}. "
            "One far away might.",
            True,
            error,
        )


def _least(tried: Sequence[Projected]) -> Projected | None:
    """The one that leaves least, of those that have come to anything finite."""
    ended = [one for one in tried if one.frame is not None and math.isfinite(one.objective)]
    return min(ended, key=lambda one: one.objective, default=None)


def _error(projected: Tensor, variance: float, fit: Fit) -> float:
    """PSNR in dB of the picture to first order where every number of the message is uncertain by this variance; all curvatures are above 0."""
    values, vectors = torch.linalg.eigh(projected)
    pixels = torch.func.vmap(fit.picture)(vectors.T) - fit.picture(torch.zeros_like(values))
    weights = pixels.flatten(1).square().sum(1)
    return -10 * math.log10(max(float((weights / values).sum()) * variance / fit.size, 1e-30))


def _texture(fit: Fit, rng: Generator) -> Tensor:
    """Coordinates of a picture drawn from the prior."""
    like = fit.obs.template.private
    return fit.coordinates(textures(len(like), like, rng))
