"""What is known of a release at one batch: directions, how loudly the message tells of each, and all that risk at any noise needs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from ..core import npy
from ..core.errors import StoreError
from .quadrature import Quadrature

ARRAYS = ("singular_values", "gains", "basis", "weights", "coefficients", "tails", "mean", "variances")
FACTS = "decomposition.json"


@dataclasses.dataclass(frozen=True, eq=False)
class Decomposition:
    """J at one batch, seen through a prior: x = mean + basis @ u + rest with u ~ N(0, I), and the message tells u_i with gain m_i.

    With noise of standard deviation sigma on every message entry, the attacker sees sqrt(m_i) u_i + sigma eps_i for every i; so one
    stored decomposition answers for every noise level, in NumPy alone. Source: [D], theory T1 and section 3.

    The exact method keeps all k = min(n, p) directions that the message can tell of. The sketch keeps the k directions of a Krylov space (their
    gains and singular values are lower bounds of the true ones, one by one) and a quadrature from which InvLoss is estimated with an interval.

    Attributes:
        singular_values: of J, descending, shape (k,), of a sketch the leading ones; those below `resolved` are rounding noise.
        gains: m_i, eigenvalues of C^1/2 J^T J C^1/2, descending, shape (k,); exactly 0 where not resolved (white: (tau s_i)^2).
        basis: C^1/2 W, column i is the picture-space direction of u_i, shape (n, k), float32.
        weights: squared column norms of the basis, shape (k,).
        coefficients: u of this very batch, shape (k,).
        tails: j -> squared error of knowing only the first j of u, shape (k + 1,).
        mean: of the prior, shape (n,).
        variances: of every pixel under the prior, shape (n,).
        shape: (b, c, h, w) of the batch.
        message_norm: Euclidean norm of the noise-free message.
        num_message: p, numbers in the message that is sent; with its norm it gives the noise floor.
        rows: how many of them (of several rounds: numbers in all messages) were read here.
        prior: its name.
        resolved: singular value below which values are noise of the computation.
        method: "exact" or "sketch".
        seconds: time that the computation took.
        rest: variance of the prior in directions outside the basis; the weights and this sum to tr C.
        products: Jacobian products J^T J v that it took.
        quadrature: of the sketch; None where the figures are exact.
        heard: of the sketch: C^1/2 J^T of this batch's part of the message, and of one draw of unit noise on it, along each direction, (2, k); None
            where every direction is an exact one, so that both follow from gains and coefficients.
        clients: whose messages were summed. Directions are then those of all their batches, of which the basis holds the victim's rows: not at right angles, and up to p of them.
    """

    singular_values: np.ndarray
    gains: np.ndarray
    basis: np.ndarray
    weights: np.ndarray
    coefficients: np.ndarray
    tails: np.ndarray
    mean: np.ndarray
    variances: np.ndarray
    shape: tuple[int, int, int, int]
    message_norm: float
    num_message: int
    prior: str
    resolved: float
    method: str = "exact"
    seconds: float = 0.0
    rest: float = 0.0
    products: int = 0
    rows: int = 0
    quadrature: Quadrature | None = None
    heard: np.ndarray | None = None
    clients: int = 1

    @property
    def size(self) -> int:
        """n, numbers in the batch."""
        return len(self.mean)

    @property
    def trace(self) -> float:
        """Tr C: the squared error of guessing the mean."""
        return float(self.weights.sum()) + self.rest

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name, those of the quadrature behind `quadrature_`."""
        own = {name: getattr(self, name) for name in ARRAYS} | ({} if self.heard is None else {"heard": self.heard})
        inner = self.quadrature.arrays() if self.quadrature else {}
        return {**own, **{f"quadrature_{name}": array for name, array in inner.items()}}

    def facts(self) -> dict[str, object]:
        """All that is not an array, as plain numbers and words."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in (*ARRAYS, "quadrature", "heard")}

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray], facts: dict[str, object]) -> Decomposition:
        """The inverse of `arrays` and `facts`.

        Raises:
            ValueError, TypeError, KeyError: they do not fit together.
        """
        inner = {name.removeprefix("quadrature_"): a for name, a in arrays.items() if name.startswith("quadrature_")}
        own = {name: arrays[name] for name in ARRAYS}
        shape: tuple[int, int, int, int] = tuple(facts["shape"])  # type: ignore[arg-type,assignment]
        n, k = int(np.prod(shape)), len(own["gains"])
        wanted = {"basis": (n, k), "tails": (k + 1,), "mean": (n,), "variances": (n,), "weights": (k,), "coefficients": (k,)}
        if any(own[name].shape != size for name, size in wanted.items()):
            raise ValueError("array shapes do not fit the batch")
        return cls(**own, **{**facts, "shape": shape}, quadrature=Quadrature(**inner) if inner else None, heard=arrays.get("heard"))  # type: ignore[arg-type]

    def save(self, folder: Path | str) -> None:
        """Write plain .npy files and one JSON file, the JSON last: a folder without it is unfinished."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        arrays = self.arrays()
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        (folder / FACTS).write_text(json.dumps({**self.facts(), "arrays": list(arrays)}, indent=1))

    @classmethod
    def load(cls, folder: Path | str) -> Decomposition:
        """Read what `save` wrote; the basis stays on disk and is mapped into memory.

        Raises:
            StoreError: files are missing, unreadable or do not fit together.
        """
        folder = Path(folder)
        try:
            facts = json.loads((folder / FACTS).read_text())
            names = [name for name in facts.pop("arrays") if name in (*ARRAYS, "heard") or name.startswith("quadrature_")]
            mapped = {name: npy.load(folder / f"{name}.npy") for name in names}
            return cls.of({name: array if name == "basis" else np.array(array) for name, array in mapped.items()}, facts)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as err:
            raise StoreError(f"The spectrum in {folder} cannot be read ({err}); compute it again.") from err
