"""Selective encryption: a share of the message is sent in a form that the server cannot read."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Defense, Suggested
from ._masks import PARTS, held_back, held_back_in, random_places

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.component import Value
    from ..core.types import Release, World

SLOTS = 4_096  # values in one ciphertext of CKKS at degree 8,192
CIPHERTEXT = 131_217  # its bytes (Source: [D], measured): TenSEAL 0.3.18, primes of 60 + 60 bits, 128 bits of security; 2 polynomials of 8,192 numbers of 8 bytes, and a head


@dataclasses.dataclass(frozen=True)
class SelectiveEncryption(Defense):
    """Encrypts a share of the entries: the server and whoever listens cannot read those, and see all others as they are.

    Only what the attacker sees is modelled, with zeros in the hidden places; no cipher is run. The holder of the key still gets every entry, and so does
    everybody who sees the decrypted sum. The Jacobian loses the hidden rows (Source: [D] T6); the places are no secret, the ciphertexts show them.

    Hiding the largest few percent looks safe to an attacker who takes the zeros at face value, and is not to one who leaves them out of the matching:
    with 10 % of a small LeNet's gradient hidden the first got 5 dB, the second 45 to 51 dB (Source: [D], measured); what counts is how much is
    left over (about 80 % had to be hidden there).

    Of a part alone only that part is hidden: without the embedding's rows `dager` reads every sentence all the same, off the attentions (tested), so that an encrypted embedding protects from `embedding_rows` and from nothing else.

    FedML-HE (key `jin2023fedmlhe`) hides one set of places for all clients, chosen by a sensitivity map; here the largest entries of this very message.
    """

    name: ClassVar[str] = "selective_encryption"
    title: ClassVar[str] = "Selective encryption"
    paper: ClassVar[str] = "gu2025selective"
    strength: ClassVar[str] = "fraction"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "{p} of the entries hidden"
    off_words: ClassVar[str] = ""
    suggested: ClassVar[Suggested] = Suggested(compared=((60, 0.1),), levels=(0.1, 0.5, 0.9))
    hides: ClassVar[bool] = True
    guarantee: ClassVar[str] = "the cipher's for the hidden entries, against everybody without the key; none for the entries that stay open"

    fraction: float = knob(0.1, "share of all entries that is hidden (absolute share, not relative to the message)", low=0.0, high=0.9999)
    which: str = knob(
        "largest",
        "which entries are hidden: the largest by magnitude, a random choice fixed by mask_seed, or the first (from the input layer on)",
        choices=("largest", "random", "first"),
    )
    part: str = knob(
        "all",
        "what is encrypted: a share of all entries, or of one part alone (rounded up, at 0.9999 the whole part): the first layer (of a net for sentences the embeddings), the first block behind it, or the last layer",
        choices=PARTS,
        late=True,
    )
    mask_seed: int = knob(0, "seed of the random choice; unused otherwise", low=0, high=2**31 - 1)

    @property
    def by_lot(self) -> bool:  # type: ignore[override]
        """The largest are chosen by the picture; the others are not."""
        return self.which != "largest"

    @property
    def needs_more(self) -> str:
        """No cipher is run here."""
        return "only models what a cipher would hide: without one the server would lose those entries"

    def wrap(self, inner: Release, world: World) -> Release:
        """Hide entries after the inner release."""
        if self.part == "all":
            return held_back(inner, self.fraction, self._hidden)
        return held_back_in(inner, self.fraction, self.part, self._hidden)

    def _hidden(self, flat: Tensor, count: int) -> Tensor:
        """Places of the entries that are hidden."""
        if self.which == "largest":
            return flat.abs().topk(count).indices
        if self.which == "random":
            return random_places(self.mask_seed, flat, count)
        return torch.arange(count, device=flat.device)

    def traffic(self, entries: float, bits: float, places: float = 0.0) -> tuple[float, float, float]:
        """All entries are sent, the hidden ones in whole ciphertexts (SLOTS, CIPHERTEXT); the places of the largest cost 1 bit each of all, or 32 each of the hidden.

        Of a part alone as if the share were of all entries, which is more than is sent. That is the least: it serves sums only. With primes for one more multiplication a ciphertext has 235 kB, for two 331 kB (measured likewise).
        """
        hidden = int(self.fraction * entries)
        ciphers = math.ceil(hidden / SLOTS) * CIPHERTEXT * 8
        named = min(1.0, 32 * self.fraction) if self.which == "largest" else 0.0
        return entries, ((entries - hidden) * bits + ciphers) / entries, places + named
