"""How likely sentences are before any message has come: by which words follow each other in public sentences, or by a decoder's own scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.task import ends
from ._base import Unreadable

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation

NEVER = 0.02  # times that two words count as having followed each other that never did


class Language:
    """What an attacker knows of sentences.

    Args:
        obs: its public sentences, or its net.
        by: "public" or "net".

    Raises:
        Unreadable: there are no public sentences, or the net foretells no words.
    """

    def __init__(self, obs: Observation, by: str) -> None:
        self.obs, self.length, self.table = obs, obs.template.private.shape[1], None
        if by == "net":
            if not obs.net.task.of_inputs:
                raise Unreadable(
                    "This net tells classes and foretells no words, so it cannot say how likely a sentence is. Set prior='public', or use a decoder."
                )
            return
        if obs.public is None or not len(obs.public):
            raise Unreadable("There are no public sentences to count words in. Set prior='net'.")
        self.table = _pairs(obs.public, obs.num_classes)

    def surprise(self, tokens: Tensor) -> Tensor:
        """Minus the log of the chance of sentences (n, b, length), summed over the batch, (n,)."""
        flat = tokens.flatten(0, 1)
        told = self._following(flat).gather(2, _marked(flat)[:, 1:, None])[..., 0]
        return -(told * ends(flat)).sum(1).view(tokens.shape[:2]).sum(1)

    def drawn(self, count: int, words: Tensor, rng: Generator) -> Tensor:
        """Sentences (count, length) drawn word by word among some words, 0 (the end) among them."""
        found = torch.zeros(count, self.length, dtype=torch.long, device=words.device)
        on = torch.ones(count, dtype=torch.bool, device=words.device)
        for place in range(self.length):
            chances = self._following(found)[:, place, words].softmax(1)
            chosen = words[torch.multinomial(chances.cpu(), 1, generator=rng)[:, 0].to(words.device)]
            on &= chosen != 0
            found[:, place] = torch.where(on, chosen, 0)
        return found

    def _following(self, tokens: Tensor) -> Tensor:
        """Log of the chance of every word at every place of sentences (n, length), and behind the last, given what stands before, (n, length + 1, words)."""
        if self.table is not None:
            return self.table[_marked(tokens)[:, :-1]]
        with torch.no_grad():
            return self.obs.net.outputs(self.obs.net.params, self.obs.template.at(tokens)).double().log_softmax(2)


def _marked(tokens: Tensor) -> Tensor:
    """With the mark before and the end behind every sentence, (n, length + 2)."""
    return torch.nn.functional.pad(tokens, (1, 1))


def _pairs(public: Tensor, words: int) -> Tensor:
    """Log of the chance of every word behind every word, (words, words); 0 is the mark before a sentence and its end."""
    marked, counts = _marked(public), torch.full((words, words), NEVER, dtype=torch.float64, device=public.device)
    there = ends(public).flatten().double()
    counts.index_put_((marked[:, :-1].flatten(), marked[:, 1:].flatten()), there, accumulate=True)
    return (counts / counts.sum(1, keepdim=True)).log()
