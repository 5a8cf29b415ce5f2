"""How much noise hides a word, and how much a picture: the level at which half of what was unknown is still learned, over victims, with intervals.

`python -m invviz.studies.hiding` makes it; no attack is run. Of words it is half of the bits (`risk.discrete`), of pictures InvRE = 1/2 with the white prior: both are what whoever knows
net and noise learns at best, of words with all others given. Noise is even on every entry, and is measured in the message's root mean square.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..core.paths import GALLERY
from ..core.plain import to_json
from ..core.shipped import reading
from ..engine.assess import assess
from ..engine.bits import count
from ..engine.client import Site
from ..risk import invre
from ..scenario import Scenario
from .kept import HEAD, of_today
from .statistics import RESAMPLES, drawn, interval

FILE = GALLERY / "hiding" / "half.json"
COMMAND = "python -m invviz.studies.hiding"
WORDS = {
    "tiny_lm": "data=notes&model=tiny_lm",
    "tiny_lm, trained": "data=notes&model=tiny_lm(init='trained')",
    "tiny_bert": "data=notes&model=tiny_bert",
}
PICTURES = {"LeNet": "data=digits&model=lenet", "MLP": "data=digits&model=mlp", "ConvNet": "data=digits&model=convnet"}
VICTIMS = tuple(range(0, 120, 20))
LEVELS = np.geomspace(1e-4, 1e3, 200)
SEED = 1
ORDER = 10.0  # of magnitude


@dataclasses.dataclass(frozen=True)
class Half:
    """Median over victims of the noise at which half is learned, with the ends of its 95 % interval (bootstrap over victims)."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, levels: Sequence[float]) -> Half:
        """Of single victims' levels."""
        return cls(float(np.median(levels)), *interval(medians(levels)))


def medians(levels: Sequence[float]) -> np.ndarray:
    """Medians of victims drawn with replacement, (RESAMPLES,)."""
    values = np.asarray(levels, np.float64)
    return np.array([np.median(np.repeat(values, times)) for times in drawn(len(values), RESAMPLES, SEED)])


def ratio(words: Sequence[float], pictures: Sequence[float]) -> Half:
    """How many times as much noise words take; both are drawn, each by itself."""
    many = medians(words) / np.random.default_rng(SEED).permutation(medians(pictures))
    return Half(float(np.median(words) / np.median(pictures)), *interval(many))


def of_words(text: str, site: Site) -> float:
    """The level at which half of a sentence's bits drown."""
    return float(count(Scenario.parse(text), site).facts()["half"])


def of_picture(text: str, site: Site) -> float:
    """The level at which InvRE is 1/2."""
    found = assess(Scenario.parse(text), site)
    scores = [invre(found.decomposition, level * found.size.rms) for level in LEVELS]
    return float(np.exp(np.interp(-0.5, -np.asarray(scores), np.log(LEVELS))))


def victim(text: str, index: int) -> str:
    """The same scenario with another victim."""
    s = Scenario.parse(text)
    return s.replace(data=s.data.replace(index=index)).text()


def make(site: Site, file: Path = FILE) -> None:
    """Compute and keep it."""
    words = {name: [of_words(victim(text, k), site) for k in VICTIMS] for name, text in WORDS.items()}
    pictures = {name: [of_picture(victim(text, k), site) for k in VICTIMS] for name, text in PICTURES.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(to_json({**HEAD, "command": COMMAND, "words": words, "pictures": pictures}) + "\n")


@lru_cache(maxsize=1)
def load() -> dict[str, dict[str, list[float]]]:
    """Levels of single victims, {"words" or "pictures": {net: levels}}; empty where there are none for today's results."""
    found: dict[str, dict[str, list[float]]] = {}
    with reading(FILE, COMMAND):
        kept = of_today(FILE.read_text())
        if kept is not None:
            found = {"words": kept["words"], "pictures": kept["pictures"]}
    return found


def finding() -> str:
    """What the study says, in two sentences; empty where it is not there."""
    if not (kept := load()):
        return ""
    fresh = next(iter(kept["words"].values()))
    pairs = {name: ratio(fresh, levels) for name, levels in kept["pictures"].items()}
    every = sorted(pairs.items(), key=lambda pair: -pair[1].median)
    told = ", ".join(f"{r.median:.3g} times as much as a digit behind {name} ({r.low:.3g} to {r.high:.3g})" for name, r in every)
    least = min(pairs.values(), key=lambda r: r.low)
    verdict = (
        "An order of magnitude more in each case"
        if least.low >= ORDER
        else "An order of magnitude more is not the rule: it depends on the net"
    )
    word = Half.of(fresh)
    return f"Half of a word drowns at {word.median:.3g} times the typical entry ({word.low:.3g} to {word.high:.3g}): {told}. {verdict}."


if __name__ == "__main__":
    make(Site.from_env())
    sys.stderr.write(f"{FILE}\n{finding()}\n")
