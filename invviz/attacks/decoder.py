"""Reading the message of a hijacked net: by the decoder of the server that steered its training."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.lazy import torch
from ..core.planted import Decoder
from ..core.types import Knowledge, Reconstruction
from ._base import Attack, nothing_read
from ._matching import squared_error

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress


@dataclasses.dataclass(frozen=True)
class ReadDecoder(Attack):
    """Decodes the message of a net that a malicious server trained to send what its own encoder would; no search.

    Needs a server that steered the party's training (hijacking), whose decoder it is. Its matching loss is that of the server's encoder: how far what that would send of the answer is
    from what came.
    """

    name: ClassVar[str] = "decoder"
    title: ClassVar[str] = "Read-out by the server's decoder (hijacked net)"
    paper: ClassVar[str] = "pasquini2021tiger"
    reads: ClassVar[str] = "decoder"
    needs_embedding: ClassVar[bool] = True
    one_round: ClassVar[bool] = True

    def wants(self) -> Knowledge:
        """Public pictures, and to be the server of the training rounds; no weights."""
        return Knowledge(batch_size=True, weights=False, public_data=True, malicious=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """What the decoder makes of the message; `rng` is not used."""
        plan = obs.net.plan
        if not isinstance(plan, Decoder):
            return nothing_read(obs, "The server has steered no training, and has no decoder. Use server=hijacking.")
        batch = obs.template.at(plan.decode(obs.message))
        with torch.no_grad():
            loss = float(squared_error(plan.simulate(batch), obs.message))
        failed = not (plan.errors and math.isfinite(loss))
        return Reconstruction(batch, loss, plan.errors, _note(plan), failed)


def _note(plan: Decoder) -> str:
    if not plan.errors:
        return "The server has answered no training round: the party's net is as it was, and this decoder knows nothing of it."
    return (
        f"A malicious server answered {len(plan.errors):,} training rounds; its decoder's mean squared error on {plan.public:,} public pictures was {plan.errors[-1][1]:.4f} at the end. The "
        "message comes from the hijacked net: spectrum and InvRE, wherever they are shown, are those of the honest one."
    )
