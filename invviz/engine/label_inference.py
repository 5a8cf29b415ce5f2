"""What a party of vertical FL can tell of the labels, which the server owns, from the gradients that come back to it in training."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import ScenarioError
from ..core.lazy import torch
from ..core.rng import derive
from ..core.version import __version__
from ..scenario import Scenario, train_problems
from .client import meet_client
from .training import VerticalRound

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .client import Site
    from .results import Reporter

PICTURES = 500  # whose gradients are looked at, at most
DRAWS = 20  # choices of the examples whose labels are known, over which the hint's accuracy is a mean


@dataclasses.dataclass(frozen=True)
class Returned:
    """How well a curious party tells labels.

    Attributes:
        scenario: in what this depends on.
        pictures: public pictures whose gradients came back, in whole batches.
        classes: class numbers that occur among them, in order; `shares` of the pictures, and `norm_auc`, go by them.
        shares: of the pictures in each class, in [0, 1]. The largest is chance: what always naming that class gets.
        norm_auc: of each class against the rest, the AUC of the gradient's norm [P: li2022leakage, who have two classes]. 0.5 tells nothing; below 0.5 the
            class has the smaller gradients. NaN where all pictures are of one class.
        hint: share of labels told by the cosine to one known example of each class [S of li2022leakage]: the class of the nearest one. Mean over 20 choices of examples.
        hint_spread: standard deviation over these choices.
        trial: share of labels told by trying each one on a top net of the party's own, of the server's architecture with fresh weights [S of erdogan2022unsplit, whose
            clone learns along]; None where other parties' embeddings, which it does not have, enter the top net.
        trial_known: the same with the server's own top net, for a party that has got hold of it; None likewise.
        given: what the party has, in words.
        data_note: about the copy of the data set.
    """

    scenario: Scenario
    pictures: int
    classes: tuple[int, ...]
    shares: tuple[float, ...]
    norm_auc: tuple[float, ...]
    hint: float
    hint_spread: float
    trial: float | None
    trial_known: float | None
    given: str
    seconds: float
    data_note: str = ""

    @property
    def chance(self) -> float:
        """What always naming the most frequent class gets."""
        return max(self.shares)

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain numbers and words."""
        facts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "scenario"}
        return {"scenario": self.scenario.text(full=True), **facts, "chance": self.chance, "version": __version__}


def returned(scenario: Scenario, site: Site, report: Reporter | None = None) -> Returned:
    """Send public pictures' embeddings through the defenses, take the gradients that the server returns, and tell labels from them.

    The gradients are those of the mean loss of a batch with respect to the embeddings as they were sent, at the scenario's net as it is. The curious party is the one
    that the protocol names (`party`), or all that put theirs `together`.

    Args:
        scenario: of vertical FL; its attack, which is the server's, plays no part.
        site: where.
        report: progress of a training of weights, if there is one.

    Raises:
        ScenarioError: the parts do not fit together, or no embeddings are sent.
        InvvizError: data missing.
    """
    if not scenario.protocol.sends_embedding:
        raise ScenarioError(
            [f"labels are told from gradients that come back to a party; {scenario.protocol.name} returns none. Use protocol=vfl."]
        )
    if found := train_problems(scenario):
        raise ScenarioError(found)
    start = time.monotonic()
    scenario, curious = scenario.only("labels"), scenario.protocol
    client = meet_client(scenario, site, report)
    public, size = client.samples.public, scenario.batch
    order = np.random.default_rng(derive(scenario.seed, "pictures whose gradients come back")).permutation(len(public))[:PICTURES]
    drawn = client.batch.like(*public.take(order[: len(order) // size * size].tolist()))
    batches = VerticalRound(scenario, client)
    with torch.no_grad():
        clean = batches.embeddings(client.net, drawn.image, drawn.label)
        names = [f"returned batch {k}" for k in range(len(drawn.label) // size)]
        sent = batches.sent(clean, client.net, drawn.image, drawn.label, names, size)
    sent = [one.requires_grad_() for one in sent]
    loss = torch.nn.functional.cross_entropy(batches.top(client.net, sent), drawn.label, reduction="sum") / size
    back = torch.autograd.grad(loss, sent)
    mine = slice(curious.party, curious.party + curious.together)  # type: ignore[attr-defined]
    rows, labels = torch.cat([one.flatten(1) for one in back[mine]], 1), drawn.label.cpu().numpy()
    trials: tuple[float | None, float | None] = (None, None)
    if len(sent) == 1:
        fresh = curious.assemble(
            scenario.model, scenario.data.shape, scenario.data.num_classes, derive(scenario.seed, "top net of its own") % 2**31
        )
        tops = (fresh.to(rows).eval().get_submodule("top"), client.net.module.get_submodule("top"))
        guesses = [tried(rows, sent[0].detach(), top, scenario.data.num_classes) for top in tops]
        trials = tuple(float((guess == labels).mean()) for guess in guesses)  # type: ignore[assignment]
    classes, counts = np.unique(labels, return_counts=True)
    hint, spread = hinted(rows.cpu().numpy(), labels, scenario.seed)
    return Returned(
        scenario=scenario,
        pictures=len(labels),
        classes=tuple(classes.tolist()),
        shares=tuple((counts / len(labels)).tolist()),
        norm_auc=tuple(norm_aucs(rows.double().norm(dim=1).cpu().numpy(), labels)),
        hint=hint,
        hint_spread=spread,
        trial=trials[0],
        trial_known=trials[1],
        given=_given(trials[0] is not None),
        seconds=round(time.monotonic() - start, 3),
        data_note=client.note,
    )


def norm_aucs(norms: np.ndarray, labels: np.ndarray) -> list[float]:
    """Of each class that occurs, in order: the chance that one of its gradients is longer than one of another class, ties counted half; NaN where there is one class.

    Args:
        norms: shape (n,).
        labels: shape (n,).
    """
    from scipy.stats import rankdata  # slow to import

    ranks, found = rankdata(norms), []
    for one in np.unique(labels):
        inside = labels == one
        own, others = int(inside.sum()), int((~inside).sum())
        found.append(float((ranks[inside].sum() - own * (own + 1) / 2) / (own * others)) if others else math.nan)
    return found


def hinted(rows: np.ndarray, labels: np.ndarray, seed: int) -> tuple[float, float]:
    """Share of labels told by the nearest of one known example of each class, by the cosine; the known ones are not counted.

    Args:
        rows: gradients, shape (n, p).
        labels: shape (n,).
        seed: of the choice of the examples.

    Returns:
        Mean and standard deviation over choices; NaN where no example is left to be told.
    """
    rng, scores = np.random.default_rng(derive(seed, "examples whose labels are known")), []
    wide = rows.astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    unit, silent = wide / np.where(length > 0, length, 1.0), length[:, 0] == 0  # a gradient of nothing points nowhere
    for _ in range(DRAWS):
        known = np.array([rng.choice(np.flatnonzero(labels == one)) for one in np.unique(labels)])
        told = labels[known][(unit @ unit[known].T).argmax(1)]
        told[silent] = rng.choice(labels[known], int(silent.sum()))
        rest = np.ones(len(labels), bool)
        rest[known] = False
        scores.append((told == labels)[rest].mean() if rest.any() else math.nan)
    return float(np.mean(scores)), float(np.std(scores))


def tried(rows: Tensor, embeddings: Tensor, top: nn.Module, num_classes: int) -> np.ndarray:
    """The label of each picture whose gradient through some top net points most as the one that came back.

    Where the top net is the server's own, or none at all (the embedding is the class scores), the right label's gradient is the one that came back, but for its length.

    Args:
        rows: gradients that came back, shape (n, p).
        embeddings: as they were sent, shape (n, ...), p numbers each.
        top: embeddings to class scores.
        num_classes: labels that are tried.
    """
    likeness = []
    for label in range(num_classes):
        given = embeddings.detach().clone().requires_grad_()
        loss = torch.nn.functional.cross_entropy(
            top(given).flatten(1), torch.full((len(rows),), label, device=rows.device), reduction="sum"
        )
        likeness.append(torch.cosine_similarity(torch.autograd.grad(loss, given)[0].flatten(1).double(), rows.double(), eps=1e-300))
    return torch.stack(likeness).argmax(0).cpu().numpy()


def _given(alone: bool) -> str:
    words = "its embeddings and the gradients that come back, batch by batch; for the hint, the label of one example of each class"
    return words + ("; for the trials, the architecture of the server's top net, or that net itself" if alone else "")
