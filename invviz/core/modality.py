"""What one sample is: which of its inputs are private, how they are bounded, and what it is called."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Modality:
    """A kind of sample.

    Attributes:
        name: of its row in MODALITIES.
        one: what one sample is called.
        many: what several are called.
        private: names of the inputs that only the client knows and that are continuous: the Jacobian is taken by them, in this order.
        bounds: least and greatest value of a private input.
        grid: whether neighbouring entries of the private input are alike, so that smoothness says something: what a prior over frequencies, total variation and SSIM need.
    """

    name: str
    one: str
    many: str
    private: tuple[str, ...]
    bounds: tuple[float, float] = (0.0, 1.0)
    grid: bool = False


PICTURE = Modality("picture", "picture", "pictures", ("image",), grid=True)
ROW = Modality("row", "row", "rows", ("image",))  # of a table, encoded as numbers in [0, 1]; its columns say what they stand for

MODALITIES: dict[str, Modality] = {m.name: m for m in (PICTURE, ROW)}
