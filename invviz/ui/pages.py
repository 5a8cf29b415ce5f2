"""The pages, in the order of the navigation: one table, from which navigation, headings and tests read.

A page is its file in pages/ (which draws it), its folder here, its line in this table and a test: docs/adding.md.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ..core.paths import ROOT

FOLDER = ROOT / "pages"


@dataclasses.dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        title: in the navigation and above the page.
        icon: a Material symbol.
        question: that it answers; it ends with a question mark.
        compares: whether it has spectra side by side computed, which no other page waits for.
        terms: of the glossary that it uses, in their order: its words.
        folder: in which its file lies, under the page's name.
    """

    title: str
    icon: str
    question: str
    compares: bool = False
    terms: tuple[str, ...] = ()
    folder: Path = FOLDER


GOT = ("ideal", "attack", "psnr", "words", "ssim")  # words for who got how much
RISK = ("invre", "tells", "best", "bound")
PAGES: dict[str, Page] = {  # by the name of the file and in the address; the first answers at /, too
    "lab": Page(
        "Lab",
        "science",
        "What does one update give away, and how much noise hides it?",
        terms=(
            *("message", "noise", "entry", "defense", "aware", "unaware", *GOT, *RISK),
            *("gradient", "jacobian", "direction", "singular", "floor", "loss", "prior", "seed", "sketch"),
        ),
    ),
    "risk": Page(
        "Risk",
        "query_stats",
        "Which pictures, models and directions are exposed, without running any attack?",
        compares=True,
        terms=(*RISK, "ideal", "noise", "entry", "prior", "direction", "jacobian", "singular", "floor", "psnr", "words", "sketch"),
    ),
    "defend": Page(
        "Defend",
        "shield",
        "Which defense protects against an attacker who knows it?",
        compares=True,
        terms=("defense", "unaware", "aware", *GOT, *RISK, "noise", "entry", "gnp", "smooth", "seed"),
    ),
    "curves": Page(
        "Curves",
        "stacked_line_chart",
        "What does protection cost in accuracy?",
        terms=("accuracy", "defense", "noise", "aware", "unaware", "operating", *GOT, *RISK, "seed"),
    ),
    "vertical": Page(
        "Vertical",
        "layers",
        "What does an embedding give away, layer by layer?",
        compares=True,
        terms=("embedding", *GOT, "accuracy", *RISK, "noise", "aware", "prior"),
    ),
    "attacks": Page(
        "Attacks",
        "bolt",
        "Which attack is strongest, and when does it fail?",
        compares=True,
        terms=("attack", "loss", "psnr", "words", "ideal", "unaware", "aware", "noise", "prior", "seed", "gradient"),
    ),
    "server": Page(
        "Server",
        "dns",
        "What does a server that lies read, and can the client notice?",
        terms=("malicious", "imprint", "secure", "detector", "alarm", "server", "message", "psnr", "ideal", "defense", "noise", "seed"),
    ),
    "audit": Page(
        "Audit",
        "policy",
        "What does my own net give away of my own records?",
        terms=("message", *GOT, *RISK, "noise", "defense", "aware", "gradient", "jacobian", "direction", "singular", "floor", "prior"),
    ),
    "results": Page("Results", "table_rows", "What has been computed here?", terms=(*GOT, *RISK, "accuracy", "defense", "seed")),
    "guide": Page("Guide", "explore", "What is all this?"),
}
HOME = next(iter(PAGES))


def heading(name: str) -> str:
    """Above a page: its title and its question; above the first the app's own name."""
    page = PAGES[name]
    return f"# {'invviz' if name == HOME else page.title}&ensp;:gray[{page.question}]"
