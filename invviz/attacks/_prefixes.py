"""What layers of a language net are given for words that somebody tries."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ._base import Unreadable

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..core.types import Net, Observation, Tree

EQUAL = 1e-9  # of the largest number: what lies within moves by rounding alone
AT_ONCE = 4_096  # sentences that go through the net together


class Prefixes:
    """The inputs of the first two attentions, in float64, for words of the attacker's choice.

    Args:
        obs: what the attacker sees; its net has blocks with one map `qkv` each, or with torch's own attention.

    Raises:
        Unreadable: there are not two of them.
    """

    def __init__(self, obs: Observation) -> None:
        net: Net = obs.net
        parts = [(name, _weight(part)) for name, part in net.module.named_modules() if _attends(name, part)][:2]
        self.names, self.weights = [name for name, _ in parts], [f"{name}.{weight}" for name, weight in parts]
        if len(parts) < 2 or any(weight not in obs.message for weight in self.weights):
            raise Unreadable("It reads the gradients by queries, keys and values of two blocks; this message has fewer.")
        self.module = copy.deepcopy(net.module).double().cpu()  # what clients do not train is no parameter
        self.params = {name: leaf.double().cpu() for name, leaf in net.params.items()}
        self.message: Tree = obs.message
        (self.size, self.length), self.words = obs.template.private.shape, obs.num_classes

    def gradient(self, layer: int) -> Tensor:
        """Of the map of a block, counted from 0: (rows, width)."""
        return self.message[self.weights[layer]].detach().double().cpu()

    @property
    def looks_ahead(self) -> bool:
        """Whether a place sees what stands behind it, as in an encoder: another last word is tried."""
        tried = torch.ones(2, self.length, dtype=torch.long)
        tried[1, -1] = min(2, self.words - 1)
        one, other = self.inputs(tried, 1)[:, : self.length]
        return not torch.allclose(one, other, rtol=0, atol=EQUAL * float(one.abs().max()))

    def inputs(self, tokens: Tensor, layer: int) -> Tensor:
        """What that map is given for sentences (n, t), at the mark and at every word: (n, t + 1, width)."""
        return torch.cat([self._inputs(part, layer) for part in tokens.split(AT_ONCE)])

    def _inputs(self, tokens: Tensor, layer: int) -> Tensor:
        with torch.no_grad(), _heard(self.module.get_submodule(self.names[layer])):
            try:
                torch.func.functional_call(self.module, self.params, (tokens,))
            except _HeardError as end:
                given = end.given
                return (
                    given if given.shape[1] > tokens.shape[1] else torch.cat([given[:, :1], given], 1)
                )  # no mark: the first word in its place
        raise Unreadable(f"The net does not use its part {self.names[layer]}.")


def _attends(name: str, part: nn.Module) -> bool:
    """Whether a module is given what an attention asks, looks at and answers with, all in one."""
    if isinstance(part, torch.nn.MultiheadAttention):
        return part.batch_first and part.in_proj_weight is not None
    return name.rpartition(".")[2] == "qkv"


def _weight(part: nn.Module) -> str:
    return "in_proj_weight" if isinstance(part, torch.nn.MultiheadAttention) else "weight"


class _HeardError(Exception):
    """What a module is given; the rest of the net need not be computed."""

    def __init__(self, given: Tensor) -> None:
        super().__init__()
        self.given = given


@contextlib.contextmanager
def _heard(module: nn.Module) -> Iterator[None]:
    """Stop where a module is given something."""

    def stop(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        raise _HeardError(given[0])

    hook, attention = module.register_forward_pre_hook(stop), torch.backends.mha
    before = attention.get_fastpath_enabled()
    attention.set_fastpath_enabled(False)  # a whole layer at once, which asks none of its parts
    try:
        yield
    finally:
        attention.set_fastpath_enabled(before)
        hook.remove()
