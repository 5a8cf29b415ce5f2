"""Where a training stands, kept on disk so that one that was killed goes on."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from ..core.errors import InvvizError
from ..core.lazy import torch

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor
    from torch.optim import Optimizer

    from ._messages import Round
    from ._vertical import VerticalRound


@dataclasses.dataclass
class State:
    """Where a training stands."""

    params: dict[str, Tensor]
    optimiser: Optimizer
    done: int = 0
    history: list[tuple[int, float, float]] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    broken: bool = False

    def keep(self, path: Path, messages: Round | VerticalRound) -> None:
        """Whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        facts = {"done": self.done, "history": self.history, "seconds": self.seconds, "cpu_seconds": self.cpu_seconds}
        torch.save({**facts, "params": self.params, "optimiser": self.optimiser.state_dict(), "kept": messages.state()}, part)
        os.replace(part, path)

    def go_on(self, path: Path, messages: Round | VerticalRound) -> None:
        """Where a training of the very same kind was when it was killed, if one was."""
        try:
            kept = torch.load(path, weights_only=True, map_location="cpu")
        except FileNotFoundError:
            return
        except Exception as err:  # noqa: BLE001  torch has no one error for a file that it cannot read
            raise InvvizError(f"The checkpoint {path} cannot be read ({err}). Remove it, and training starts anew.") from None
        if set(kept) != {"done", "history", "seconds", "cpu_seconds", "params", "optimiser", "kept"}:
            return  # of another version of invviz: training starts anew
        self.done, self.history = kept["done"], [tuple(h) for h in kept["history"]]
        self.seconds, self.cpu_seconds = kept["seconds"], kept["cpu_seconds"]
        with torch.no_grad():
            for name, leaf in self.params.items():
                leaf.copy_(kept["params"][name])
        self.optimiser.load_state_dict(kept["optimiser"])
        messages.restore(kept["kept"])
