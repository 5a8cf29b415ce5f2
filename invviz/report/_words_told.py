"""What a report tells of words, in sentences and in cells: which of them an attack has, and how many bits a message tells of each."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.types import Size
from ..engine.bits import noise_share
from ._collect import Entry
from ._numbers import number, seconds
from ._told import Table, Told

CELLS = "all cells but one, the net, the defense and the noise's size: an upper bound on what the message tells of that cell, on average over words that are drawn alike; who knows which words are common may guess better under much noise"
GENIE = "all words but one, the net, the defense and the noise's size: bits are learned by whoever knows the rest, so on average over words that are drawn alike nobody learns more; who knows the language may guess better under much noise"


def bits(e: Entry) -> Told:
    """Bits learned of words at the scenario's noise, and the noise at which half of each word's drown."""
    f, cells = e.facts, e.facts.get("cells")
    thing = "cell with words" if cells else "word"
    noise = noise_share(e.scenario, Size.from_json(f["size"]), [Size.from_json(stage) for stage in f["stages"]])
    learned = float(np.interp(np.log(noise or f["levels"][0]), np.log(f["levels"]), f["curve"]))
    finding = (
        f"About {number(learned, 2)} of {number(f['entropy'], 2)} bits of a {thing} are learned ({100 * learned / f['entropy']:.0f} %)"
    )
    facts = [
        ("noise", f"{number(noise, 3, 'g')} of the message's typical entry, on every entry"),
        ("half of the bits drown at", f"{number(f['half'], 3, 'g')} times the typical entry"),
        ("attacker was given", CELLS if cells else GENIE),
        ("prior", f"every word of the {'column' if cells else 'vocabulary'} alike"),
        ("time", seconds(f.get("seconds"))),
    ]
    rows = [
        (word, number(at, 3, "g"))
        for said, halves in zip(cells or [sentence.split() for sentence in f["sentences"]], f["halves"], strict=True)
        for word, at in zip(said, halves, strict=True)
    ]
    curve = [
        (number(x, 3, "g"), number(y, 2), f"{100 * z:.0f} %") for x, y, z in zip(f["levels"], f["curve"], f["curve_right"], strict=True)
    ]
    tables = [
        Table(
            f"{'Cell by cell' if cells else 'Word by word'}: the noise at which half of its bits drown",
            ("cell" if cells else "word", "noise over the typical entry"),
            tuple(rows),
        ),
        Table("At every noise", ("noise over the typical entry", "bits learned", "right"), tuple(curve)),
    ]
    return Told(finding, facts, [], [], [], tables)


def sentences(f: dict[str, Any]) -> list[Table]:
    """What an attack read, beside the truth; nothing where samples are no sentences."""
    pairs = f.get("sentences")
    return [Table("Sentences", ("truth", "guess"), tuple(zip(pairs["truth"], pairs["guess"], strict=True)))] if pairs else []
