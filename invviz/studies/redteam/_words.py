"""What the red team found, put into words by rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...attacks import ATTACKS
from ...core.figures import listed, number
from ...defenses import DEFENSES, Defense
from ...metrics import EXACT, WORDS, decibels
from ._plan import LEVELS, VICTIMS

if TYPE_CHECKING:
    from . import Finding, Redteam

READABLE = WORDS[-1]
LIMIT = (
    "The strongest is chosen for every picture with the truth at hand, which no attacker could do: a bound on the attacks that were tried, with the settings that they "
    "have here, and none on those that nobody tried."
)

RANKED = "Attacks and pictures are ranked by the word, which counts PSNR and SSIM, then by PSNR"


def ranked(study: Redteam, victim: str) -> str:
    """What attacks are ranked by, and on how many of a victim's cells SSIM was not kept."""
    cells = study.attacked[victim]
    without = sum(not any(value is not None for value in one.ssim.values()) for one in cells)
    which = "all cells" if without == len(cells) else f"{without} of {len(cells)} cells"
    return f"{RANKED}{f'; on {which}, attacked before SSIM was kept, by PSNR alone' if without else ''}."


def named(defense: Defense | None) -> str:
    """Short title of a defense without its strength; of none "No defense"."""
    return defense.short_title() if defense else "No defense"


def strength(defense: Defense) -> str:
    """Its strength with the knob's name."""
    return f"{defense.strength.replace('_', ' ')} {number(getattr(defense, defense.strength))}"


def got(finding: Finding) -> str:
    """What the strongest attacks got: word and PSNR of the picture that was read best, and the median over all where there are several; "exact" from 60 dB on."""
    word = finding.words[finding.place]
    rest = f" (median of {len(finding.psnr)}: {_level(finding.median)})" if len(finding.psnr) > 1 else ""
    return f"{word}, {_level(finding.worst)}{rest}"


def _level(psnr: float) -> str:
    return "exact" if psnr >= EXACT else decibels(psnr)


def by(finding: Finding) -> str:
    """Title of the attack that got most of all, and of how many it is."""
    return f"{ATTACKS[finding.attack].short_title()}, of {finding.tried}"


def headline(study: Redteam, victim: str) -> str:
    """How many defenses leave a picture readable even at the strongest setting that was tried, and which leave none."""
    rows = {name: row for name, row in study.found[victim].items() if name != "none"}
    strong = {name: row[-1] for name, row in rows.items()}
    open_, shut = (
        [name for name, one in strong.items() if READABLE in one.words],
        [name for name, one in strong.items() if READABLE not in one.words],
    )
    titles = [DEFENSES[name].short_title() for name in shut]
    pictures = study.pictures(victim)
    shown = f"of {pictures} pictures" if pictures > 1 else "the one picture"
    if not shut:
        return f"Behind all {len(rows)} defenses, at the strongest setting that was tried, some attack makes {'one ' if pictures > 1 else ''}{shown} readable"
    start = f"Behind {len(open_)} of {len(rows)} defenses, at the strongest setting that was tried, some attack makes {'one ' if pictures > 1 else ''}{shown} readable"
    return f"{start}; behind {listed(titles)} none that was tried does"


def beside(study: Redteam, names: Sequence[str], victim: str = "") -> list[str]:
    """A line for each of these defenses: what the strongest attack got at each strength that was tried.

    Args:
        study: as shipped.
        names: of defenses.
        victim: of VICTIMS; the first where the defense was tried if empty.
    """
    lines = []
    for name in dict.fromkeys(names):
        where = next((v for v in ([victim] if victim else VICTIMS) if name in study.found.get(v, {}) and name != "none"), None)
        if where is not None:
            row = study.found[where][name]
            at = "; ".join(f"{strength(one.defense)}: {got(one)}" for one in row if one.defense)
            lines.append(f"{named(row[0].defense)} ({VICTIMS[where].title}), {at}")
    return lines


def table(study: Redteam) -> list[str]:
    """Everything as Markdown tables, one a victim."""
    lines = [
        f"Made by `python -m invviz.studies redteam` ({study.facts['date']}, {study.facts['seconds'] / 3600:.1f} hours on {study.facts['machine']}). {LIMIT}"
    ]
    lines += [
        "",
        "Of each cell: word and PSNR of the picture that was read best, median over the pictures, and the attack that read it best. "
        "All attacks are told the label; words are set against what that alone gives, the mean public picture of its class, with which some answer where a message says nothing.",
    ]
    for victim, rows in study.found.items():
        pictures = study.pictures(victim)
        lines += [
            "",
            f"### {VICTIMS[victim].title}, {pictures} picture{'s' * (pictures != 1)}",
            "",
            f"`{VICTIMS[victim].base}`. {headline(study, victim)}. {ranked(study, victim)}",
            "",
        ]
        lines += ["| defense | " + " | ".join(LEVELS) + " |", "|---|" + "---|" * len(LEVELS)]
        for row in rows.values():
            cells = [f"{f'{strength(one.defense)}: ' if one.defense else ''}{got(one)}; {by(one)}" for one in row]
            lines.append("| " + " | ".join([named(row[0].defense), *cells, *[""] * (len(LEVELS) - len(cells))]) + " |")
    return lines
