"""`risk` of sentences and of the words in rows: bits that a message tells of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.figures import number
from ..engine.bits import count
from ..engine.client import Site
from ..engine.results import Result
from ..jobs.worker import set_threads
from ..scenario import Scenario, bits_problems
from ._show import ProgressLine, to_json

if TYPE_CHECKING:
    import numpy as np


def sentence_lines(result: Result) -> list[str]:
    """Truth and guess of every sentence, and an empty line; nothing where samples are none."""
    if not result.sentences:
        return []
    pairs = zip(result.sentences["truth"], result.sentences["guess"], strict=True)
    return [*(line for truth, guess in pairs for line in (f"truth {truth}", f"guess {guess or '(no words)'}")), ""]


def show_bits(scenario: Scenario, site: Site, as_json: bool, picture: np.ndarray | None = None) -> int:
    """Print what is learned of words."""
    with ProgressLine() as line:
        set_threads("bits")
        facts = count(scenario, site, line.report, picture=picture).summary()
    if as_json:
        print(to_json({"scenario": scenario.only("bits").text(full=True), "key": scenario.key("bits"), **facts}))
        return 0
    print(
        f"{facts['mean_bits']:.2f} of {facts['entropy']:.2f} bits of a word are learned (InvRE {facts['invre']:.2f}), by whoever knows all other words;"
    )
    print(
        f"the most likely word is the true one {100 * facts['mean_right']:.0f} % of the time; noise {number(facts['noise'])} of the typical entry\n"
    )
    for sentence, bits in zip(facts["sentences"], facts["bits"], strict=True):
        print("  ".join(f"{word} {learned:.2f}" for word, learned in zip(sentence.split(), bits, strict=True)))
    print(f"\nhalf of the bits drown at {number(facts['half'])} times the typical entry\n\nnoise over the typical entry, bits, right word")
    for row in zip(facts["levels"], facts["curve"], facts["curve_right"], strict=True):
        print("{:>8}  {:.2f}  {:.0%}".format(number(row[0]), *row[1:]))
    return 0


def add_cells(facts: dict[str, Any], scenario: Scenario, site: Site, picture: np.ndarray | None = None) -> list[str]:
    """Put what is learned of the cells of rows that hold words into the facts of a risk score, and tell it row by row, after an empty line; nothing where there are no such cells."""
    if bits_problems(scenario):
        return []
    told = count(scenario, site, picture=picture).summary()
    facts["cells"] = {name: told[name] for name in ("cells", "bits", "entropies", "right", "likely")}
    lines = [
        "",
        "bits learned of cells with words, by whoever knows all other cells (an upper bound on what the message tells of that cell):",
    ]
    for row, (said, bits, entropies) in enumerate(zip(told["cells"], told["bits"], told["entropies"], strict=True)):
        each = (f"{name} {bit:.2f} of {of:.2f}" for name, bit, of in zip(said, bits, entropies, strict=True))
        lines.append(f"row {row}: {', '.join(each)}")
    return lines
