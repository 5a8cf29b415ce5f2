"""A net and sentences of the user as parts of a scenario: words go in by their numbers, and for attackers who search between words also by shares."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...core.lazy import torch
from ...core.modality import TOKENS
from ...core.task import NEXT_TOKEN, Task
from ...core.vocabulary import Vocabulary
from ._own import OwnData, OwnNet, _plain_kernels

if TYPE_CHECKING:
    from torch import Tensor

    from ...core.types import Batch, Tree

WORDS = TOKENS.private[0]  # what the private input is called in a batch
BY_ITSELF = "the net itself"  # takes shares of words, as nets of invviz do


@dataclasses.dataclass(frozen=True)
class OwnSentences(OwnData):
    """Sentences that the user handed over; they stay in memory."""

    known: Vocabulary | None = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def vocabulary(self) -> Vocabulary | None:  # type: ignore[override]
        """The words that their numbers stand for."""
        return self.known


@dataclasses.dataclass(frozen=True, eq=False)
class WordNet(OwnNet):
    """A net of the user that reads sentences, numbers of words (b, length).

    Attributes:
        argument: of the module by which the words go in; empty where they are the first one.
        enters: name of the torch.nn.Embedding that the words enter, BY_ITSELF, or empty where nobody can tell: then nobody can search between words.
    """

    argument: str = ""
    enters: str = ""

    def outputs(self, params: Tree, batch: Batch) -> Tensor:
        """Scores that the module gives of a batch under the given parameters; of an answer with several parts its `logits`.

        Of shares of words (b, length, words) the embedding is given the mix that they are, and everything else in the module the likeliest words.
        """
        known = {name: value for name, value in batch.inputs.items() if name != WORDS}
        words = batch.inputs[WORDS]
        shares = words if words.is_floating_point() and self.enters != BY_ITSELF else None
        given = words if shares is None else words.argmax(-1)
        every = {**params, **{other: params[name] for other, name in self.aliases.items()}}
        first, named = ((), {self.argument: given, **known}) if self.argument else ((given,), known)
        with _plain_kernels(self.fused), _mixed(self.module, self.enters, shares):
            out: Any = torch.func.functional_call(self.module, every, first, named, tie_weights=False)
        return out if torch.is_tensor(out) else getattr(out, "logits", out)

    def own(self, private: Tensor) -> dict[str, Tensor]:
        """The words of a batch by the name of their argument."""
        return {self.argument or "input": private}


@contextlib.contextmanager
def _mixed(module: torch.nn.Module, enters: str, shares: Tensor | None) -> Iterator[None]:
    """Inside, an embedding answers with the mix of its rows that shares of words (b, length, words) are, behind what the module puts before them."""
    if shares is None or not enters:
        yield
        return
    hook = module.get_submodule(enters).register_forward_hook(partial(_mix, shares))
    try:
        yield
    finally:
        hook.remove()


def _mix(shares: Tensor, part: Any, _: Any, rows: Tensor) -> Tensor:
    before = rows.shape[-2] - shares.shape[-2]
    return torch.cat([rows[..., :before, :], shares @ part.weight], -2) if before else shares @ part.weight


def entrance(module: torch.nn.Module, call: Any, words: int) -> str:
    """Name of the embedding that words enter, the first one with a row for every word that is given whole numbers; empty where there is none.

    Args:
        module: of which `call` computes something once.
        call: without arguments.
        words: in the vocabulary, with that for none.
    """
    found: list[str] = []
    parts = {name: part for name, part in module.named_modules() if isinstance(part, torch.nn.Embedding) and len(part.weight) >= words}
    hooks = [part.register_forward_pre_hook(partial(lambda name, *_: found.append(name), name)) for name, part in parts.items()]
    try:
        call()
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else ""


def foretells(outputs: Tensor, tokens: Tensor) -> Task | None:
    """The task of a net that scores every word at every place; None where its outputs are not of that shape.

    Args:
        outputs: (b, length + 1, words) of a net with a mark in front, which foretells every word and the end; (b, length, words) of one that foretells the second word and on.
        tokens: (b, length).
    """
    if not torch.is_tensor(outputs) or outputs.ndim != 3 or len(outputs) != len(tokens):
        return None
    places = {tokens.shape[1] + 1: NEXT_TOKEN, tokens.shape[1]: NEXT_WORD}
    return places.get(outputs.shape[1])


def _next_word(outputs: Tensor, inputs: Tree) -> Tensor:
    """Mean cross-entropy of the second and further words of all sentences, given those before."""
    wanted, scores = inputs[WORDS][:, 1:], outputs[:, :-1].transpose(1, 2)
    if not wanted.is_floating_point():
        there = (wanted != 0).to(outputs)
        wrong = torch.nn.functional.cross_entropy(scores, wanted, reduction="none")
    else:
        whole = wanted if wanted.shape[2] == scores.shape[1] else torch.nn.functional.pad(wanted, (0, scores.shape[1] - wanted.shape[2]))
        there = 1 - wanted[..., 0]
        wrong = torch.nn.functional.cross_entropy(scores, whole.transpose(1, 2), reduction="none")
    return (wrong * there).sum() / there.sum().clamp(min=1e-12)


NEXT_WORD = Task("next token, from the second on", _next_word, of_inputs=True)
"""Cross-entropy of every word but the first, given the words before it, as most libraries have it; inputs {"tokens": (b, t) whole numbers, 0 behind the last word}."""


def of_words(loss: Any) -> Task:
    """A loss of the user's own, (outputs, tokens) -> scalar, that is handed the words; of shares of words the likeliest ones."""

    def told(outputs: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
        words = inputs[WORDS]
        return loss(outputs, words.argmax(-1) if words.is_floating_point() else words)

    return Task("own loss", told, of_inputs=True)
