"""Labels read off the gradient of the last layer: which one a single sample had, and how many of each a batch held."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ..core.lazy import torch
from ..core.task import CLASSIFICATION
from ..core.tree import map_tree, without_round
from ..core.types import Batch
from ._priors import textures

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Net, Observation, Tree

PROBES = 12  # random pictures on which the net's typical answer is measured
SLACK = 2.0  # times the message's disturbance: what a bound leaves for it


def infer_label(message: Tree) -> Tensor:
    """The label of a single sample, shape (1,).

    With cross-entropy the last bias gradient is softmax minus one-hot: its only negative entry is the label (zhao2020idlg). Without a
    bias the row sums of the last weight gradient carry the same sign while features are positive. Of several rounds, which all have the
    same label, the mean is taken.
    """
    return class_scores(mean_round(message)).argmin().reshape(1)


def told_label(obs: Observation, message: Tree) -> Tensor:
    """`infer_label` of a classifier; of a net with another task, whose targets show in no such way, those of the template, which are then told."""
    return infer_label(message) if obs.net.task is CLASSIFICATION else obs.template.label


def mean_round(message: Tree) -> Tree:
    """The mean of the rounds that lie side by side in a message; of one round that itself. What is linear in a message, as the labels are, stays; noise averages out."""
    leaves: dict[str, list[Tensor]] = {}
    for name, leaf in message.items():
        leaves.setdefault(without_round(name), []).append(leaf)
    return {name: own[0] if len(own) == 1 else torch.stack(own).mean(0) for name, own in leaves.items()}


def class_scores(message: Tree) -> Tensor:
    """One number a class, shape (classes,): the last bias gradient, or the row sums of the last weight gradient where there is no bias."""
    last = list(message.values())[-1]
    return last if last.ndim == 1 else last.flatten(1).sum(1)


def last_layer(message: Tree) -> Tree:
    """The last layer's part of a message: weight and bias, or the weight where there is no bias."""
    names = list(message)[-2:] if list(message.values())[-1].ndim == 1 else list(message)[-1:]
    return {name: message[name] for name in names}


@dataclasses.dataclass(frozen=True, eq=False)
class Count:
    """How many samples of each class a batch held, as far as its message tells."""

    labels: Tensor  # (b,), in rising order
    certain: bool  # the bounds leave one answer only, and no defense is known to have altered the message
    note: str  # the same in words

    @classmethod
    def of(cls, obs: Observation, rng: Generator) -> Count:
        """Count the labels of a message; the template's own labels where labels play no part in it (an embedding).

        The last bias gradient of class c is p_c - n_c / b, the mean probability less the share of samples. p_c is estimated on random textures, drawn towards 1 / classes
        where these disagree (a trained net says nothing about unseen pictures that holds for the batch), and counts are rounded to a sum of b within the bounds of
        `least`. The idea that typical inputs give p is wainakh2021user's; the linear form, the weight of the textures and the bounds are ours.

        Args:
            obs: what the attacker sees; its release tells how labels change the message, at any scale (several local steps, clipping that the attacker knows).
            rng: draws the textures.
        """
        message, size, classes = mean_round(obs.sent or obs.message), len(obs.template.label), obs.num_classes
        if not set(message) & set(obs.net.params) or len(list(message.values())[-1]) != classes:
            return cls(obs.template.label, False, "")
        message = map_tree(lambda leaf: leaf.double().nan_to_num(0.0, 0.0, 0.0), last_layer(message))
        mean = map_tree(lambda leaf: leaf / obs.pace, message)  # of the gradients of all local steps
        if size == 1:
            counts, low = torch.nn.functional.one_hot(infer_label(message)[0], classes), least(mean, 1, False)
        else:
            offset, impact, positive = _probe(obs, list(message), rng)
            low = least(mean, size, positive)
            counts = rounded(size * (offset - class_scores(message)) / impact, size, low)
        labels = torch.arange(classes, device=counts.device).repeat_interleave(counts.long())
        sure, altered = int(low.sum()), obs.knowledge.defense
        how = "all" if sure == size else f"at least {sure} of {size}"
        how = "not certain, as a defense altered the message" if altered else f"{how} certain if nothing altered the message"
        spread = ", ".join(f"{int(n)} of class {c}" for c, n in enumerate(counts.tolist()) if n)
        return cls(labels, sure == size and not altered, f"labels counted off the last layer ({spread}), {how}")


def least(message: Tree, size: int, positive: bool) -> Tensor:
    """At least how many samples of each class a batch held, shape (classes,); exact where size * p_c is below 1 for every class in the batch.

    Since probabilities are not negative, n_c >= -size * db_c, also for a clipped gradient, and for the mean of the gradients of several steps on the same batch. With features
    that are not negative, a negative entry in a row of the last weight gradient takes at least one sample of that class. Softmax and one-hot both add up to 1, so each column
    adds up to 0: what is left of it measures how far the message was disturbed, and the bounds leave room for that. Bounds that add up to more than the batch contradict
    themselves: the message is no such gradient, and nothing is certain. Both bounds are ours; the second turns the order that yin2021see take into a certainty.

    Args:
        message: the last layer's part of one gradient, or of the mean of several: not of their sum, nor times a learning rate above 1.
        size: samples in the batch.
        positive: whether the features that enter the last layer are never negative.
    """
    leaves = list(message.values())
    matrices = [leaf.flatten(1) if leaf.ndim > 1 else leaf[:, None] for leaf in leaves if len(leaf) == len(leaves[-1])]
    disturbed = max(float(m.sum(0).abs().max()) for m in matrices) + 4 * torch.finfo(torch.float32).eps * float(matrices[-1].abs().max())
    low = torch.zeros(len(leaves[-1]), dtype=matrices[-1].dtype, device=matrices[-1].device)
    if leaves[-1].ndim == 1:
        low = (-size * (leaves[-1] + SLACK * disturbed)).ceil().clamp(0, size)
    for matrix in matrices if positive else []:
        low = torch.maximum(low, (matrix.min(1).values < -SLACK * disturbed).to(low))
    return low if low.sum() <= size else torch.zeros_like(low)


def rounded(expected: Tensor, size: int, low: Tensor) -> Tensor:
    """Whole numbers near `expected` that add up to `size`, none below `low`: largest remainder first, shape (classes,).

    Args:
        expected: real numbers, some perhaps negative; those that are not finite count as 0.
        size: what they add up to.
        low: least values; ignored from the smallest expectation on where they add up to more.
    """
    expected = expected.nan_to_num(0.0, 0.0, 0.0).clamp(-size, size)
    counts = torch.maximum(expected.floor(), low).clamp(min=0)
    while counts.sum() > size:
        spare = torch.where(counts > low, counts - expected, -torch.inf)
        spare = spare if torch.isfinite(spare).any() else torch.where(counts > 0, counts - expected, -torch.inf)
        counts[spare.argmax()] -= 1
    while counts.sum() < size:
        counts[(expected - counts).argmax()] += 1
    return counts


def _probe(obs: Observation, last: list[str], rng: Generator) -> tuple[Tensor, Tensor, bool]:
    """What the last layer's gradient is for typical pictures, here textures.

    Returns:
        The class scores of a batch without its labels, shape (classes,); by how much a label lowers the score of its class where all samples have it; and whether no feature
        can be negative, nor was on these pictures.
    """
    classes, like = obs.num_classes, obs.template.private
    never = never_negative(obs.net, obs.template)
    labels = [torch.full((1, classes), 1 / classes).to(like), torch.eye(1, classes).to(like)]
    offsets, impacts, positive = [], [], never
    for picture in textures(PROBES, like, rng).clamp(*obs.bounds).split(1):
        answers = [mean_round(obs.simulate(obs.template.at(picture, label))) for label in labels]
        if not set(last) <= set(answers[0]):  # the attacker does not trust its own simulation of the last layer
            return torch.full_like(labels[0][0], 1 / classes).double(), torch.ones(()).to(like), False
        even, single = (class_scores({last[-1]: answer[last[-1]].double()}) for answer in answers)
        impacts.append((even - single)[0] / (1 - 1 / classes))
        offsets.append(even + impacts[-1] / classes)
        positive = positive and bool((answers[1][last[0]][0] <= 0).all())  # (p - 1) times the features
    offset, impact = torch.stack(offsets), torch.stack(impacts).mean()
    flat = impact / classes
    signal, spread = (offset.mean(0) - flat).square().sum(), offset.var(0).sum()
    weight = signal**2 / (signal**2 + spread**2) if signal > 0 else 0.0
    return flat + weight * (offset.mean(0) - flat), impact, positive


def never_negative(net: Net, template: Batch) -> bool:
    """Whether no picture at all can make a negative input of the last layer, by how the net is built: an activation without negative values, and then poolings at most.

    What a few pictures do would prove nothing: GELU and tanh may be positive on all of them. Modules are looked at in the order in which a picture meets them.
    """
    nn, order = torch.nn, list[Any]()
    bound = (nn.ReLU, nn.ReLU6, nn.Sigmoid, nn.Softplus, nn.Hardsigmoid)
    kept = (nn.Flatten, nn.Identity, nn.Dropout, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Upsample)
    parts = [module for module in net.module.modules() if not any(True for _ in module.children())]
    handles = [module.register_forward_pre_hook(lambda own, _: order.append(own)) for module in parts]
    try:
        with torch.no_grad():
            net.outputs(net.params, template.single(0))
    finally:
        for handle in handles:
            handle.remove()
    before = [module for module in order[:-1] if not isinstance(module, kept)]
    return bool(before) and isinstance(order[-1], nn.Linear) and isinstance(before[-1], bound)


def with_count(note: str, count: Count) -> str:
    """A note with the sentence about the labels behind it."""
    return " ".join(part for part in (note, count.note and count.note[:1].upper() + count.note[1:] + ".") if part)
