"""The messages of a round: those of many clients in one go wherever that is the quicker way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.lazy import torch
from ...core.rng import stream
from ...core.tree import map_tree
from ...core.types import Batch, Net
from ...defenses import Coloured, Kept
from ..accuracy import pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Generator

    from ...core.types import Release, Tree
    from ...scenario import Scenario
    from ..client import Client

TOGETHER = 16_384  # numbers in a batch up to which the messages of several clients are computed in one go: above, one by one is quicker
CHUNK = 64  # samples whose gradients are computed in one go, about


class Round:
    """What the server gets from the clients of a round, each with noise of its own."""

    def __init__(self, scenario: Scenario, client: Client) -> None:
        self._scenario, self._client = scenario, client
        self._kept = Kept()  # directions of coloured noise that serve many messages
        self._small = scenario.batch * client.batch.private[0].numel() <= TOGETHER and scenario.protocol.sends_gradient

    def state(self) -> dict[str, Any]:
        """What later rounds take over from this one, for a checkpoint."""
        return self._kept.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """What `state` gave."""
        if isinstance(self._scenario.coloured, Coloured):
            self._kept.restore(state, self._scenario.coloured)

    def mean(self, net: Net, chosen: Sequence[int], images: torch.Tensor, labels: torch.Tensor, done: int) -> Tree:
        """The mean of the messages.

        Args:
            net: of this round.
            chosen: numbers of the clients.
            images: private inputs of all of them, client by client, (chosen x batch, ...).
            labels: likewise.
            done: rounds before this one.
        """
        s, client = self._scenario, self._client
        batches = pieces(client.batch.at(images, labels), s.batch)
        if not s.defense and s.protocol.sends_gradient:
            return _plain_mean(net, client.bare, batches)
        rngs = [stream(s.seed, f"noise of client {k} in round {done + 1}") for k in chosen]
        return _mean(self._messages(net, batches, rngs))

    def _messages(self, net: Net, batches: Sequence[Batch], rngs: Sequence[Generator]) -> Iterator[Tree]:
        s, client, release = self._scenario, self._client, self._client.release
        last = s.coloured
        if last is None and self._small and not s.defense.asks_inside:
            known = _Known(client.bare, net, batches, s.defense.per_sample)
            release = s.defense.wrap(known, client.world)
        elif isinstance(last, Coloured) and len(s.defense) == 1 and getattr(last, "reuse", 1) > 1 and self._small:
            return last.messages(client.bare, client.world, self._kept, net, batches, rngs)
        return (release(net, batch, rng) for batch, rng in zip(batches, rngs, strict=True))


def _mean(messages: Iterator[Tree]) -> Tree:
    total, count = next(messages), 1
    for message in messages:
        total, count = map_tree(torch.add, total, message), count + 1
    return map_tree(lambda leaf: leaf / count, total)


def _plain_mean(net: Net, release: Release, batches: Sequence[Batch]) -> Tree:
    """The mean gradient of batches of one size is the gradient of them all together."""
    step, parts = max(1, CHUNK // len(batches[0].label)), []
    for k in range(0, len(batches), step):
        some = batches[k : k + step]
        whole, share = Batch.joined(some), len(some) / len(batches)
        parts.append(map_tree(lambda leaf, share=share: leaf * share, release(net, whole, None)))
    return map_tree(lambda *leaves: torch.stack(leaves).sum(0), *parts)


class _Known:
    """A release that has computed the messages of a round's batches beforehand, all together, and any other one when it is asked."""

    def __init__(self, bare: Release, net: Net, batches: Sequence[Batch], single: bool) -> None:
        self._bare, self._net = bare, net
        parts = [part for batch in batches for part in pieces(batch, 1 if single else len(batch.label))]
        self._found = {self._name(part): message for part, message in zip(parts, self._together(parts), strict=True)}

    def __call__(self, net: Net, batch: Batch, rng: Generator | None) -> Tree:
        known = self._found.get(self._name(batch)) if net is self._net and not _traced(batch.private) else None
        return self._bare(net, batch, rng) if known is None else known

    @staticmethod
    def _name(batch: Batch) -> tuple[int, int]:
        """Where the samples lie; they stay there as long as this round lasts, so nothing else can."""
        return batch.private.data_ptr(), len(batch.label)

    def _together(self, parts: Sequence[Batch]) -> Iterator[Tree]:
        step = max(1, CHUNK // len(parts[0].label))
        for k in range(0, len(parts), step):
            given, labels = torch.stack([p.private for p in parts[k : k + step]]), torch.stack([p.label for p in parts[k : k + step]])
            found = torch.func.vmap(lambda private, label: self._bare(self._net, parts[0].at(private, label), None))(given, labels)
            yield from ({name: leaf[n] for name, leaf in found.items()} for n in range(len(given)))


def _traced(private: torch.Tensor) -> bool:
    """Whether a defense differentiates or maps over the release at this moment; such tensors lie nowhere."""
    return torch._C._functorch.is_functorch_wrapped_tensor(private)  # type: ignore[attr-defined]
