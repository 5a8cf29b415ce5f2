"""The labels of samples that were read off a planted layer: each one's share of the last layer's gradient tells its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.lazy import torch
from ..core.task import CLASSIFICATION
from ._labels import infer_label, last_layer

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Observation


def labels_of(obs: Observation, samples: Tensor) -> Tensor:
    """The labels of samples, those of the template where nothing tells them, (b,).

    Of one sample the label is `infer_label`'s. Of several, row c of the last layer's gradient is the sum over samples of (p_c - y_c) / b times what comes into that layer, with a 1 beside it
    for the bias; what comes in is known of samples that were read, so a least-squares fit gives each one's p - y, whose least entry is at its label. Exact where all of the batch was
    read and what comes in of it is linearly independent. In a sum over clients the others' samples are in that gradient, too, and nothing is told.

    Args:
        obs: with the whole message.
        samples: (n, ...), those that were read, of a batch of b; first in the template.
    """
    labels, message = obs.template.label.clone(), obs.sent or obs.message
    last = last_layer(message)
    if (
        obs.knowledge.clients > 1
        or obs.net.task is not CLASSIFICATION
        or labels.ndim != 1
        or not len(samples)
        or len(list(last.values())[-1]) != obs.num_classes
    ):
        return labels
    if len(labels) == 1:
        return infer_label(message).to(labels)
    inputs = _into_last(obs, samples)
    leaves = [leaf.double() for leaf in last.values()]
    if inputs is None or leaves[0].shape != (obs.num_classes, inputs.shape[1]):
        return labels
    known = torch.cat([inputs, torch.ones_like(inputs[:, :1])], 1) if len(leaves) == 2 else inputs
    rows = torch.cat([leaves[0], leaves[1][:, None]], 1) if len(leaves) == 2 else leaves[0]
    if not (torch.isfinite(known).all() and torch.isfinite(rows).all()):
        return labels
    shares = rows @ torch.linalg.pinv(known, rtol=1e-9 if obs.template.private.dtype == torch.float64 else 1e-5)
    labels[: len(samples)] = shares.argmin(0).to(labels)
    return labels


def _into_last(obs: Observation, samples: Tensor) -> Tensor | None:
    """What comes into the last fully connected layer of samples, (n, features) in float64; None where the net does not end in one."""
    found = [m for m in obs.net.module.modules() if isinstance(m, torch.nn.Linear)]
    kept: list[Any] = []
    handle = found[-1].register_forward_pre_hook(lambda _, given: kept.append(given[0].detach())) if found else None
    if handle is None:
        return None
    try:
        with torch.no_grad():
            obs.net.outputs(obs.net.params, obs.template.at(samples, obs.template.label[: len(samples)]))
    finally:
        handle.remove()
    return kept[0].flatten(1).double() if kept else None
