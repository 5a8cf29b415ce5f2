"""APRIL: patches of a vision transformer from the gradient of its position embeddings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.types import Knowledge
from ._april import Solved, by_attention, by_embedding
from ._base import Attack, Unreadable
from ._closed_form import WHAT, Solution, changed_before, solved
from ._labels import infer_label
from ._matching import UNMATCHED, up_to_length
from ._tokens import Front, front

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress, Reconstruction, Tree
    from ._closed_form import Task

ROUNDINGS, LEAST = 300, 1e-9  # times the message's rounding, and no less than: share of the equations above which no patches explain them
BLURRED = 1e-2  # error of the patches by the message's rounding, over half of grey, above which they are not called exact
SCALED = 1e-3  # distance from one at which the message's scale is told


@dataclasses.dataclass(frozen=True)
class APRIL(Attack):
    """Solves linear equations for the patches of a picture: closed form, no search.

    For one sample the gradient by the positions, A, is that by the tokens z. The first attention has dL/dW = (dL/dq)^T z for its query, and so on; where A comes from these
    three alone, sum_W W^T dL/dW = A^T z. Least squares give z, and patches through the embedding z = W p + w + e [P] (key lu2022april, section 4.1). With a residual connection
    around the first attention, or LayerNorm before it, that does not hold. Ours: `equations='embedding'` solves dL/dW = A^T p of the patch embedding instead, which holds for
    every net with learnable positions; rank, rounding and the sums that bias gradients must have are checked, and said in the note. In float64, whatever the message's precision.
    """

    name: ClassVar[str] = "april"
    title: ClassVar[str] = "APRIL (vision transformer)"
    paper: ClassVar[str] = "lu2022april"
    max_batch: ClassVar[int | None] = 1
    needs_classes: ClassVar[bool] = True
    needs_gradient: ClassVar[bool] = True
    solves: ClassVar[bool] = True
    needs_positions: ClassVar[bool] = True
    one_round: ClassVar[bool] = True
    exact: ClassVar[str] = (
        "one sample, a vision transformer without residual connection around and LayerNorm before its first attention (or equations='embedding'), "
        "gradients of all tokens that are linearly independent, an undisturbed gradient"
    )

    equations: str = knob(
        "attention",
        "attention: those of the paper, through the first attention; embedding: those of the patch embedding, which residual connections and LayerNorm do not disturb (ours)",
        choices=("attention", "embedding"),
    )

    def wants(self) -> Knowledge:
        """That the batch holds one sample."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """Two steps, reading and solving; `rng` is not used. Where nothing can be read the answer is grey, `failed`, and the note says why."""
        return solved(obs, progress, self._solve)

    def _solve(self, task: Task) -> Solution:
        obs, params = task.obs, task.obs.net.params
        like = obs.template.private
        net = front(obs.net, like)
        sent, shown = _read(net, task.message, task.seen, params)
        task.label = infer_label(task.message).to(task.label.device)
        task.report(1, 2)
        system = (by_attention if self.equations == "attention" else by_embedding)(net, sent, shown, params)
        found = system.solve(net.scale * sum(obs.bounds) / 2, task.rounding)
        flat = torch.zeros(like.numel()).to(found.patches)
        flat[net.place.flatten()] = (found.patches / net.scale).flatten()
        image = flat.view(like.shape).clamp(*obs.bounds)
        loss, scale = up_to_length(obs.simulate(obs.template.at(image, task.label)), obs.message)
        why = self._against(net, found, task.rounding)
        failed = bool(why) and not loss <= UNMATCHED
        if not why and (changed := changed_before(flat, obs.bounds)):
            why = [changed]
        return Solution(image, loss, _note(found, why, task.rounding, loss, scale), failed, 2)

    def _against(self, net: Front, found: Solved, rounding: float) -> list[str]:
        """Everything that speaks against an exact answer."""
        why = []
        if self.equations == "attention" and (net.skip or net.norm):
            ways = " and ".join(["a residual connection around"] * net.skip + ["LayerNorm before"] * net.norm)
            why.append(f"there is {ways} the first attention, so its equations do not hold (equations='embedding' holds all the same)")
        if found.rank < found.unknowns:
            why.append(
                f"the gradients of {found.unknowns} patches have rank {found.rank}, which leaves {found.unknowns - found.rank} directions open"
            )
        if found.told < found.patches.shape[1]:
            why.append(f"a patch has {found.patches.shape[1]} numbers, and its token tells {found.told} of them")
        if found.residual > max(ROUNDINGS * rounding, LEAST):
            why.append(f"the equations contradict each other (by {found.residual:.1e} of their size)")
        if found.blur > BLURRED and found.rank == found.unknowns:
            why.append(f"the equations are nearly dependent: rounding alone moves pixels by about {found.blur / 4:.0e}")
        return why


def _read(net: Front, message: Tree, seen: Tree | None, params: Tree) -> tuple[Tree, Tree]:
    """The gradients that the equations are made of, in float64, and which of their entries were sent.

    Raises:
        Unreadable: they are missing, not finite or zero.
    """
    layers = (net.embed, *net.readers)
    names = [net.positions, *(f"{layer}.{p}" for layer in layers for p in ("weight", "bias") if f"{layer}.{p}" in params)]
    if any(name not in message or message[name].shape != params[name].shape for name in names):
        raise Unreadable("The message has other parts than the net: its layers cannot be told apart.")
    sent = {name: message[name] for name in names}
    if not all(bool(torch.isfinite(leaf).all()) for leaf in sent.values()):
        raise Unreadable("The message is not finite: nothing can be read off it.")
    if not bool(sent[net.positions][net.extra :].any()):
        raise Unreadable("The gradient of the positions is zero: nothing can be read off it.")
    return sent, {name: torch.ones_like(sent[name]) if seen is None else seen[name] for name in names}


def _note(found: Solved, why: list[str], rounding: float, loss: float, scale: float) -> str:
    """Certificate, and what else there is to say."""
    agree = max(found.residual, rounding)
    exact = f"exact: the gradients of {found.unknowns} patches are independent (rank {found.rank}), and all equations agree to {agree:.0e} of their size; {WHAT}"
    said = ["not exact: " + "; ".join(why) if why else exact]
    if found.lost:
        said.append(f"{found.lost:.0%} of the equations lack an entry that was not sent, and were left out")
    if not why and not loss <= UNMATCHED:
        said.append("parts of the message that were not needed are not those of this picture")
    elif not why and abs(scale - 1) > SCALED:
        said.append(f"the message is {scale:.4g} times a gradient, which does not matter here")
    note = "; ".join(said)
    return note[:1].upper() + note[1:] + "."
