"""Studies that are shipped: sweeps whose tables, and pictures where they may be shown, lie in assets/gallery/curves.

Made by `python -m invviz.studies [NAME ...]`; whoever gives that command again goes on where the store of results stands.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ...core.command import command
from ...core.paths import GALLERY
from ...core.plain import to_json
from ...core.shipped import reading
from ..kept import HEAD, of_today
from ._plans import PLANS, Plan

if TYPE_CHECKING:
    import pandas as pd

FOLDER = GALLERY / "curves"


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """A study as it is kept.

    Attributes:
        name: of its file.
        title: for people.
        command: that makes it again.
        sweeps: texts of the sweeps that it is made of.
        facts: date, machine, versions, seconds of computing.
        rows: their tables in one (see `invviz.studies.sweep.table`), without seconds.
        truths: the victims as data addresses of PNGs, by number; empty where pictures may not be shipped.
        guesses: what attacks got of them, by the key of the run.
    """

    name: str
    title: str
    command: str
    sweeps: tuple[str, ...]
    facts: Mapping[str, Any]
    rows: pd.DataFrame
    truths: Mapping[int, str]
    guesses: Mapping[str, str]

    def to_json(self) -> str:
        """Plain JSON; figures with 5 significant digits."""
        head = {f: getattr(self, f) for f in ("title", "command", "sweeps", "facts", "truths", "guesses")}
        lines = [f'"{name}": {to_json(value)}' for name, value in {**HEAD, **head}.items()]
        table = ",\n".join(to_json(row, digits=5) for row in self.rows.to_dict("records"))
        return "{\n" + ",\n".join(lines) + ',\n"rows": [\n' + table + "\n]}\n"

    @classmethod
    def from_json(cls, name: str, text: str) -> Study | None:
        """Read what `to_json` wrote; None where it was made for other results.

        Raises:
            ValueError, KeyError, TypeError: not such a text.
        """
        import pandas as pd

        from ..sweep import FIGURES

        kept = of_today(text)
        if kept is None:
            return None
        rows = pd.DataFrame(kept["rows"])
        for column in (*FIGURES, "strength"):
            rows[column] = pd.to_numeric(rows[column]) if column in rows else float("nan")
        truths = {int(k): v for k, v in kept["truths"].items()}
        return cls(name, kept["title"], kept["command"], tuple(kept["sweeps"]), kept["facts"], rows, truths, kept["guesses"])


@dataclasses.dataclass(frozen=True, eq=False)
class Kept:
    """What a study keeps of one attack: its picture and scores, and none of its way.

    Attributes:
        study: its title.
        guess: (1, c, h, w) in [0, 1], c = 3 also of grey pictures.
        psnr: in dB.
        ssim: nan where it is not known.
    """

    study: str
    guess: np.ndarray
    psnr: float
    ssim: float


def kept(key: str) -> Kept | None:
    """What a shipped study keeps of an attack, by the key of its run; None where none kept its picture."""
    if key not in _keys(FOLDER):
        return None
    for study in load().values():
        if key not in study.guesses:
            continue
        table: Any = study.rows
        for who in ("unaware", "aware"):
            for row in table[table[f"key_{who}"] == key].to_dict("records"):
                return Kept(study.title, picture(study.guesses[key]), float(row[f"psnr_{who}"]), float(row[f"ssim_{who}"]))
    return None


def picture(address: str) -> np.ndarray:
    """The picture in a data address, shape (1, 3, h, w) in [0, 1]."""
    image = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB")
    return np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255


@lru_cache(maxsize=1)
def _keys(folder: Path) -> frozenset[str]:
    """Keys of the pictures in the files that are there, by a look that takes no table to be read; what is no text in one is passed over, as `load` names it."""
    files = [folder / f"{name}.json" for name in PLANS if (folder / f"{name}.json").is_file()]
    return frozenset(key for file in files for key in re.findall(r'"([0-9a-f]{20})": "data:', file.read_text(errors="replace")))


@lru_cache(maxsize=1)
def load() -> dict[str, Study]:
    """The studies that are there, by name, in the order of PLANS; those made for other results are left out."""
    found = {}
    for name in PLANS:
        path = FOLDER / f"{name}.json"
        with reading(path, command(name, module="invviz.studies")):
            if (study := Study.from_json(name, path.read_text())) is not None:
                found[name] = study
    return found


__all__ = ["FOLDER", "PLANS", "Kept", "Plan", "Study", "kept", "load", "picture"]
