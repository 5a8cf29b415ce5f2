"""Where a training stands, kept on disk so that one that was killed goes on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ...core import tensors
from ...core.lazy import torch

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
        """Whole or not at all; where the disk is full, training goes on without."""
        facts = {"done": self.done, "history": self.history, "seconds": self.seconds, "cpu_seconds": self.cpu_seconds}
        tensors.keep({**facts, "params": self.params, "optimiser": self.optimiser.state_dict(), "kept": messages.state()}, path)

    def go_on(self, path: Path, messages: Round | VerticalRound, store: Path) -> None:
        """Where a training of the very same kind was when it was killed, if one was.

        Raises:
            StoreError: what was kept is damaged; it is set aside in the store's folder.
        """
        try:
            kept = tensors.load(path)
            self._take(kept, messages)
        except FileNotFoundError:
            return
        except ValueError as err:
            raise tensors.damaged(path, store, "The kept steps of a training", str(err)) from err

    def _take(self, kept: Any, messages: Round | VerticalRound) -> None:
        if not isinstance(kept, dict):
            raise ValueError("what they hold is not of this training")
        if set(kept) != {"done", "history", "seconds", "cpu_seconds", "params", "optimiser", "kept"}:
            return  # of another version of invviz: training starts anew
        try:
            params = kept["params"]
            if {name: leaf.shape for name, leaf in params.items()} != {name: leaf.shape for name, leaf in self.params.items()}:
                raise ValueError
            self.done, self.history = int(kept["done"]), [(int(at), float(score), float(loss)) for at, score, loss in kept["history"]]
            self.seconds, self.cpu_seconds = float(kept["seconds"]), float(kept["cpu_seconds"])
            with torch.no_grad():
                for name, leaf in self.params.items():
                    leaf.copy_(params[name])
            self.optimiser.load_state_dict(kept["optimiser"])
            messages.restore(kept["kept"])
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RuntimeError) as err:
            raise ValueError("what they hold is not of this training") from err
