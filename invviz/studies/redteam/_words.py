"""What the red team found, put into words by rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...attacks import ATTACKS
from ...core.figures import listed, number
from ...defenses import DEFENSES, Defense
from ...metrics import EXACT, WORDS, decibels
from ._plan import FINALISTS, LEVELS, NEAR, SEEDS, VICTIMS

if TYPE_CHECKING:
    from . import Finding, Redteam

READABLE = WORDS[-1]
LIMIT = (
    "The strongest is chosen for every picture with the truth at hand, which no attacker could do: a bound on the attacks that were tried, with the settings that they "
    "have here, and none on those that nobody tried."
)

RANKED = "Attacks and pictures are ranked by the word, which counts PSNR and SSIM, then by PSNR"


def ranked(study: Redteam, victim: str) -> str:
    """What attacks are ranked by, and on how many of a victim's cells SSIM was kept of all attacks, and of some: the best."""
    cells = study.attacked[victim]
    known = [sum(one.ssim.get(name) is not None for name in one.got) for one in cells]
    every = sum(count == len(one.got) for count, one in zip(known, cells, strict=True))
    some = sum(map(bool, known)) - every
    if every == len(cells):
        return f"{RANKED}."
    return f"{RANKED}. Of {len(cells)} cells SSIM was kept of all attacks on {every}, of the best few on {some}; where it was not, PSNR counts alone, and the word may be too low."


def named(defense: Defense | None) -> str:
    """Short title of a defense without its strength; of none "No defense"."""
    return defense.short_title() if defense else "No defense"


def strength(defense: Defense) -> str:
    """Its strength with the knob's name."""
    return f"{defense.strength.replace('_', ' ')} {number(getattr(defense, defense.strength))}"


def got(finding: Finding) -> str:
    """What the strongest attacks got: the word of the picture that was read best, on how many it holds, and PSNR of that picture, the median and the least; "exact" from 60 dB on."""
    word, count = finding.words[finding.place], len(finding.psnr)
    if count == 1:
        return f"{word}, {_level(finding.worst)}"
    best, middle, least = (_level(one) for one in (finding.worst, finding.median, min(finding.psnr)))
    other = f" (its SSIM counts, too; another has {_level(max(finding.psnr))})" if finding.worst < finding.median else ""
    levels = f"all {best}" if best == middle == least else f"best read {best}{other}, median {middle}, least {least}"
    return f"{word} on {finding.words.count(word)} of {count}, {levels}"


def _level(psnr: float) -> str:
    return "exact" if psnr >= EXACT else decibels(psnr)


def by(finding: Finding) -> str:
    """Titles of the attacks that got most, those that did on most pictures first, with on how many; of one picture with how many were tried."""
    if len(finding.psnr) == 1:
        return f"{ATTACKS[finding.attack].short_title()}, of {finding.tried}"
    return ", ".join(f"{ATTACKS[name].short_title()} ({count})" for name, count in Counter(finding.attacks).most_common())


def who(study: Redteam, victim: str = "") -> str:
    """Which attacks were tried on which pictures, and what that leaves open.

    Args:
        study: as shipped.
        victim: of VICTIMS; of all of them if empty.
    """
    several = any(study.pictures(name) > 1 for name in ([victim] if victim else study.found))
    every = "Every attack that fits and knows the defense was tried on the first picture"
    if not several:
        return f"{every}, the only one."
    return (
        f"{every}, and on {'each of the others' if victim else 'others'} the {FINALISTS} that got most of the first behind that defense, with a third where it came within {NEAR:.0f} dB of the best: "
        "an attack that fails on the first and reads others is missed, so what is said of these may be too low."
    )


def how_many(study: Redteam, victim: str) -> str:
    """How many, and with what weights: "one picture", or "4 pictures, on 3 draws of weights and noise"."""
    count = study.pictures(victim)
    return "one picture" if count == 1 else f"{count} pictures, on {min(count, SEEDS)} draws of weights and noise"


def headline(study: Redteam, victim: str) -> str:
    """How many defenses leave a picture readable even at the strongest setting that was tried, and which leave none."""
    rows = {name: row for name, row in study.found[victim].items() if name != "none"}
    strong = {name: row[-1] for name, row in rows.items()}
    open_, shut = (
        [name for name, one in strong.items() if READABLE in one.words],
        [name for name, one in strong.items() if READABLE not in one.words],
    )
    titles = [DEFENSES[name].short_title() for name in shut]
    count = study.pictures(victim)
    shown = f"at least one of {count} pictures" if count > 1 else "the one picture"
    setting = "at the strongest setting that was tried, some attack makes"
    if not shut:
        return f"Behind all {len(rows)} defenses, {setting} {shown} readable"
    start = f"Behind {len(open_)} of {len(rows)} defenses, {setting} {shown} readable"
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
    facts = study.facts
    lines = [
        f"Made by `python -m invviz.studies redteam` ({facts['date']}, {facts['seconds'] / 3600:.1f} hours on {facts['machine']}). {who(study)} {LIMIT}",
        "",
        "Of each cell: word of the picture that was read best and on how many it holds; its PSNR, the median and the least; and which attack was strongest on how many. "
        "All attacks are told the label; words are set against what that alone gives, the mean public picture of its class, with which some answer where a message says nothing.",
    ]
    for victim, rows in study.found.items():
        lines += [
            "",
            f"### {VICTIMS[victim].title}, {how_many(study, victim)}",
            "",
            f"`{VICTIMS[victim].base}`. {headline(study, victim)}. {ranked(study, victim)}",
            "",
        ]
        lines += ["| defense | " + " | ".join(LEVELS) + " |", "|---|" + "---|" * len(LEVELS)]
        for row in rows.values():
            cells = [f"{f'{strength(one.defense)}: ' if one.defense else ''}{got(one)}; {by(one)}" for one in row]
            lines.append("| " + " | ".join([named(row[0].defense), *cells, *[""] * (len(LEVELS) - len(cells))]) + " |")
    return lines
