"""What a report tells of sentences: which words an attack has, and how many bits a message tells of each."""

from __future__ import annotations

from typing import Any

from ._collect import Entry
from ._numbers import number, seconds
from ._told import Table, Told

GENIE = "all words but one, the net, the defense and the noise's size: bits are learned by whoever knows the rest, so on average over words nobody learns more"


def bits(e: Entry) -> Told:
    """Bits learned of every word at the scenario's noise."""
    f = e.facts
    finding = f"{number(f['mean_bits'], 2)} of {number(f['entropy'], 2)} bits of a word are learned ({100 * f['invre']:.0f} %)"
    facts = [
        ("right word", f"{100 * f['mean_right']:.0f} % of the time the most likely one is the true one"),
        ("noise", f"{number(f['noise'], 3, 'g')} of the message's typical entry, on every entry"),
        ("attacker was given", GENIE),
        ("prior", "every word of the vocabulary alike"),
        ("time", seconds(f.get("seconds"))),
    ]
    rows = [row for sentence in zip(f["sentences"], f["bits"], f["right"], f["likely"], strict=True) for row in _rows(*sentence)]
    curve = [
        (number(x, 3, "g"), number(y, 2), f"{100 * z:.0f} %") for x, y, z in zip(f["levels"], f["curve"], f["curve_right"], strict=True)
    ]
    tables = [
        Table("Word by word", ("word", "bits learned", "most likely", "right"), tuple(rows)),
        Table("At every noise", ("noise over the typical entry", "bits learned", "right"), tuple(curve)),
    ]
    return Told(finding, facts, [], [], [], tables)


def _rows(sentence: str, bits: list[float], right: list[float], likely: list[str]) -> list[tuple[str, ...]]:
    words = sentence.split()
    return [(word, number(b, 2), best, f"{100 * r:.0f} %") for word, b, best, r in zip(words, bits, likely, right, strict=True)]


def sentences(f: dict[str, Any]) -> list[Table]:
    """What an attack read, beside the truth; nothing where samples are no sentences."""
    pairs = f.get("sentences")
    return [Table("Sentences", ("truth", "guess"), tuple(zip(pairs["truth"], pairs["guess"], strict=True)))] if pairs else []
