"""A table of what the noise slider moves, made once for a spectrum and sent to the browser as one object of bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...charts._colours import IDEAL, frame
from ...risk import TAU, ideals
from ..views import RiskView

LEVELS = 41  # noise levels at which pictures are kept
SIDE = 384  # as of `charts.pictures.to_png`
HEAVIEST = 8_000_000  # bytes of pictures; larger ones are drawn by the server alone
Words = tuple[str, str]
"""What is said under a picture: a word, and the rest."""


@dataclasses.dataclass(frozen=True, eq=False)
class NoiseTable:
    """What is shown at every place of a slider.

    Attributes:
        name: of its content.
        data: for assets/noise/table.js.
        pictures: whether it holds any.
    """

    name: str
    data: bytes
    pictures: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Stops:
    """The places of a slider.

    Attributes:
        values: the strength at each, as the component knows it.
        sigmas: noise (absolute) per message entry at each; None where it takes another spectrum.
        ceilings: expected best in dB where it does and is known all the same, between strengths at which it was computed; None elsewhere.
    """

    values: Sequence[float]
    sigmas: Sequence[float | None]
    ceilings: Sequence[float | None] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
    """The pictures of a table.

    Attributes:
        name: of what these are, the same only where all of them are.
        say: what stands under a picture (b, c, h, w) in [0, 1] at a noise level.
        draw: pictures (levels, b, c, h, w) at noise levels; None: the ideal attacker's.
    """

    name: str
    say: Callable[[np.ndarray, float], Words]
    draw: Callable[[Sequence[float] | np.ndarray], np.ndarray] | None = None


def made(view: RiskView, stops: Stops, shown: Shown, board: str) -> NoiseTable:
    """The table of a spectrum.

    Args:
        view: the spectrum.
        stops: places of the slider.
        shown: which pictures, and what stands under them.
        board: name of what the slider and its parts share.
    """
    d = view.decomposition
    arrays = {"gains": np.asarray(d.gains, np.float64)}
    known = [s for s in stops.sigmas if s is not None]
    facts: dict[str, Any] = {
        "board": board,
        "stops": list(stops.values),
        "sigmas": list(stops.sigmas),
        "drawn": [False] * len(stops.values),
        "size": d.size,
        "numbers": view.truth.size,
        "rest": d.rest,
        "trace": d.trace,
        "tau": TAU,
        "least": d.method == "sketch",
        "span": _span(d.gains, min(known, default=0.0)),
    }
    if d.quadrature is None:
        arrays["weights"] = np.asarray(d.weights, np.float64)
    else:  # an estimate from two spaces: no sum over directions
        found = [None if s is None else view.figures(s) for s in stops.sigmas]
        facts["figures"] = [None if f is None else {"invre": f.score, "ceiling": f.ceiling} for f in found]
    if any(c is not None for c in stops.ceilings):
        about = [
            None if c is None else {"invre": 1 - 10 ** (-c / 10) * d.size / d.trace, "ceiling": c, "about": True} for c in stops.ceilings
        ]
        facts["figures"] = [a or f for a, f in zip(about, facts.get("figures", [None] * len(about)), strict=True)]
    if drawable(view):
        facts |= _pictures(view, stops, shown, arrays)
    return _packed(facts, arrays)


def drawable(view: RiskView) -> bool:
    """Whether pictures go with the table: real ones, of a size that a browser takes in at once."""
    return view.truth.ndim == 4 and min(view.truth.shape[2:]) > 1 and 2 * LEVELS * view.truth.size <= HEAVIEST


def levels(sigmas: Sequence[float]) -> np.ndarray:
    """Noise levels between the least and the greatest, evenly on a log scale; 0 is one of its own."""
    positive = [s for s in sigmas if s > 0]
    low, high = (min(positive), max(positive)) if positive else (1.0, 1.0)
    scale = np.geomspace(low, high, LEVELS) if high > low * (1 + 1e-9) else np.array([low])
    return np.concatenate([[0.0], scale]) if min(sigmas) <= 0 else scale


def _pictures(view: RiskView, stops: Stops, shown: Shown, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Pictures at kept levels, and what is said of each stop's own; fills `arrays`."""
    drawn = [s is not None and view.can_draw(s) for s in stops.sigmas]
    wanted = [s for s, can in zip(stops.sigmas, drawn, strict=True) if can and s is not None]
    if not wanted:
        return {}
    at = shown.draw or _draws(view)
    grid = levels(wanted) if shown.draw is None and _directions(view) else np.unique(wanted)  # of what was kept that, and nothing between
    kept, own = at(grid), dict(zip(wanted, at(wanted), strict=True))
    low, high = min(float(kept.min()), 0.0), max(float(kept.max()), 1.0)
    arrays["levels"] = grid
    arrays["pictures"] = ((kept - low) * (65535 / (high - low))).round().astype(np.uint16)
    shape, width, side = kept.shape[1:], view.truth.shape[3], SIDE
    across = int(np.ceil(shape[0] ** 0.5))
    colour = frame(IDEAL)
    sheet = {
        "across": across,
        "zoom": max(1, side // (across * width)),
        "border": max(4, side // 64),
        "colour": [int(colour[i : i + 2], 16) for i in (1, 3, 5)],
    }
    said = [shown.say(own[s].clip(0, 1), s) if can and s is not None else None for s, can in zip(stops.sigmas, drawn, strict=True)]
    return {"shape": list(shape), "numbers": int(np.prod(shape)), "low": low, "high": high, "sheet": sheet, "said": said, "drawn": drawn}


def _draws(view: RiskView) -> Callable[[Sequence[float] | np.ndarray], np.ndarray]:
    """What draws at several noise levels: in one product where the directions are at hand."""
    if _directions(view):
        return lambda sigmas: ideals(view.decomposition, list(sigmas))
    return lambda sigmas: np.stack([view.draw(float(s)) for s in sigmas])


def _directions(view: RiskView) -> bool:
    """Whether the directions are at hand, from which pictures are drawn at any noise."""
    d = view.decomposition
    return d.basis.size > 0 and d.basis.shape == (d.size, len(d.gains)) and not view.levels


def _span(gains: np.ndarray, sigma: float) -> tuple[float, float]:
    """Ends of the axis of singular values, those of `charts.spectrum` at the least noise."""
    values = np.sqrt(gains[gains > 0]) / TAU
    top = float(values.max()) * 2 if len(values) else 1.0
    low = max(float(values.min()) if len(values) else 1e-9, top * 1e-9) / 2
    low = min(low, sigma / TAU / 3) if sigma > 0 else low
    return max(low, top * 1e-10), top


def _packed(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> NoiseTable:
    """Four bytes that say how long the facts are, the facts as JSON, all numbers behind each other."""
    listed, start = [], 0
    for name, array in arrays.items():
        listed.append({"name": name, "kind": array.dtype.name, "count": array.size, "start": start})
        start += array.nbytes
    body = b"".join(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes() for array in arrays.values())
    text = json.dumps(facts, allow_nan=False).encode()
    name = hashlib.blake2b(text + body, digest_size=12).hexdigest()
    head = json.dumps({**facts, "name": name, "arrays": listed}, allow_nan=False).encode()
    return NoiseTable(name, struct.pack("<I", len(head)) + head + body, "pictures" in arrays)
