"""The page docs/defenses.md, from what `make_defenses.py` has measured; nothing is computed here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from invviz.defenses import DEFENSES, Stack
from invviz.engine.gap import exceeds, reasons
from invviz.scenario import Scenario
from invviz.scenario.families.defenses import in_short
from invviz.studies import redteam

PICTURES = {"photos": "data=photos&model=lenet", "cifar10": "data=cifar10(index=5)&model=lenet"}
SEARCH = "attack=dlg(steps=300,restarts=1)"
PRIOR = "natural"  # smooth pictures, as the attack expects them, too
FLOOR = 1e-4  # the attacked message carries no noise but the defense's; the usual floor would put the ideal attacker below the real one
SETTINGS = ("batch=4", "protocol=hfl(local_steps=4)")
LOOKS_SAFE, WIDE, WORSE = 12.0, 10.0, 1.0  # dB: an unaware attack up to here convinces; a gap from here on is a finding; knowing harms


def page(data: dict[str, Any]) -> str:
    """The whole page as Markdown."""
    table, pictures = data["rows"], list(PICTURES)
    lines = ["# What each defense does to an attacker", "", *_intro(data), "", "## How to read it", "", *_reading(table), ""]
    lines += ["## What a naive evaluation would have concluded", "", *_naive(table), "", "## The table", ""]
    head = [f"{picture}: {column}" for picture in pictures for column in ("unaware, dB", "aware, dB", "expected best, dB", "InvRE")]
    lines += ["| " + " | ".join(["defense", *head, "bytes sent", "formal promise"]) + " |", "|---|" + "---:|" * len(head) + "---:|---|"]
    for row, found in table.items():
        cells = [_label(row, found)]
        for picture in pictures:
            one = found[picture]
            near = "~" if one["ideal"].get("method") == "sketch" else ""
            cells += [_cell(one["unaware"], "psnr", 1), _cell(one["aware"], "psnr", 1)]
            cells += [near + _cell(one["ideal"], "psnr_ceiling", 1), near + _cell(one["ideal"], "invre", 2)]
        cells += [_cell(found[pictures[0]]["ideal"], "sent", 2), in_short(Stack(_defenses(found)).promise or "none")]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *_remarks(table), "", "## Against every attack: the red team", ""]
    study = redteam.load()
    return "\n".join([*lines, *(redteam.table(study) if study else [f"Not on this machine; `{redteam.COMMAND}` makes it."])]) + "\n"


def _intro(data: dict[str, Any]) -> list[str]:
    made, none = data["made"], data["rows"][""]
    first = next(iter(none.values()))["unaware"]
    return [
        "Made by `python docs/make_defenses.py` (again from [defenses.json](defenses.json), without computing: `--page`); do not edit by hand.",
        f"Measured {made['date']} on {first['device']}, {made['machine']}, {made['software']}, in {made['minutes']:.0f} minutes by "
        f"{made['processes']} process{'es' if made['processes'] > 1 else ''} of one thread."
        + (f" Aware searches behind masks were made again on {made['amended']}, when they got a prior." if "amended" in made else "")
        + "".join(f" Measured again on {date}: `{row}`." for row, date in made.get("again", {}).items()),
        "",
        "A row adds its defense (and `attacker=aware`) to one of these scenarios:",
        "",
        *(
            f"* {picture}: `{Scenario.parse(found['scenario']).text()}`, seed {Scenario.parse(found['scenario']).seed}"
            for picture, found in none.items()
        ),
        "",
        f"All rows use the attack `{Scenario.parse(SEARCH).attack.text()}`, one start of at most {first['steps']} steps. An attack is one local search, on one "
        "picture with one seed: where the search failed, its failure stands in the table, and proves nothing.",
        *(f"About {picture}: {found['unaware']['data_note']}" for picture, found in none.items() if found["unaware"]["data_note"]),
    ]


def _reading(table: dict[str, Any]) -> list[str]:
    found = [one for row in table.values() for one in row.values()]
    searches = [one["unaware"] for one in found] + [one["aware"] for one in found if one["aware"] != one["unaware"]]
    reached, lost = [s["psnr"] for s in searches if "psnr" in s], [s["failed"] for s in searches if "psnr" in s]
    above = [one for one in found if "psnr" in one["aware"] and one["aware"]["psnr"] > one["ideal"].get("psnr_ceiling", float("inf"))]
    embeddings = [f"`{name}`" for name, kind in DEFENSES.items() if kind.needs.embedding]
    return [
        "* **unaware**: the attacker takes the message at face value. **aware**: it knows the defense and its parameters, not what was drawn at random. Without a "
        "defense there is nothing to know, and both are one run. PSNR of the picture found; of a batch, the mean over its samples.",
        "* **expected best** and **InvRE**: the ideal attacker, who knows the defense, too. It is linearised at the picture and averaged over what is expected of pictures "
        f"(the `{PRIOR}` prior: power falls with frequency) and over noise. It is no bound here, and {len(above)} of {len(found)} aware searches came out above it: why that "
        "can be stands below the table.",
        f"* PSNR ends where float32 and the search's steps end (the best figure here is {max(reached):.1f} dB). The ideal attacker is not told of float32; it reads "
        f"the message through noise of {FLOOR:g} of its root mean square (`floor={FLOOR:g}`, well below what defenses add; pages of the app show "
        f"{Scenario.floor:g} unless told otherwise).",
        f"* By their own matching loss, {sum(lost)} of {len(lost)} searches did not reproduce the message that they were given. An unaware one rarely can, where a "
        "defense has altered it. Whether other pictures explain a message as well, as `invviz run` asks, was not asked here.",
        "* **bytes sent**: of one update, relative to the undefended one. **formal promise**: in short; the numbers are for one update, the promise may be for more.",
        f"* A defense stands with its strength; all other knobs have the values of [components.md](components.md). Not measured: {', '.join(embeddings)}, which "
        "protect embeddings, and here gradients are sent.",
    ]


def _naive(table: dict[str, Any]) -> list[str]:
    listed = []
    for row, pictures in table.items():
        gaps = []
        for picture, one in pictures.items():
            unaware, aware = (one[who].get("psnr", float("nan")) for who in ("unaware", "aware"))
            if unaware <= LOOKS_SAFE and aware - unaware >= WIDE:
                gaps.append(f"{picture} {unaware:.1f} dB, with knowledge {aware:.1f} dB")
        listed += [f"* {_label(row, pictures)}: {'; '.join(gaps)}"] if gaps else []
    return [
        f"That these defenses hide the picture. Against the unaware attacker they leave at most {LOOKS_SAFE:g} dB; one who merely knows which defense it is gets "
        f"{WIDE:g} dB more, or better, from the same message:",
        "",
        *(listed or ["* none in this table"]),
    ]


def _remarks(table: dict[str, Any]) -> list[str]:
    found: dict[str, list[str]] = {}  # what there is to say, and of which rows
    for row, pictures in table.items():
        for picture, one in pictures.items():
            label, ideal = _label(row, pictures), one["ideal"]
            of = f"{label} ({picture})"
            for who in ("unaware", "aware", "ideal"):
                if "refused" in one[who]:
                    found.setdefault(f"–: {one[who]['refused']}", []).append(of)
            if ideal.get("method") == "sketch":
                (low, high), (least, most) = ideal["psnr_interval"], ideal["invre_interval"]
                found.setdefault(f"~: a sketch; 95 % interval {low:.1f} to {high:.1f} dB, InvRE {least:.2f} to {most:.2f}", []).append(of)
            if why := _above(one):
                found.setdefault(why, []).append(of)
            for words in ideal.get("caveats", []):
                found.setdefault(words, []).append(label)
            if one["unaware"].get("psnr", 0.0) - one["aware"].get("psnr", 0.0) > WORSE and "psnr" in one["aware"]:
                found.setdefault(f"Knowing the defense led this one search astray by more than {WORSE:g} dB", []).append(of)
    return [f"* {', '.join(dict.fromkeys(of))}: {words}" for words, of in found.items()]


def _above(one: dict[str, Any]) -> str:
    """Why the aware search got clearly more than the expected best; empty where it did not."""
    s, ideal = Scenario.parse(one["scenario"]), one["ideal"]
    if "psnr" not in one["aware"] or "psnr_ceiling" not in ideal or not exceeds(one["aware"]["psnr"], ideal["psnr_ceiling"]):
        return ""
    share = max(ideal["sigma"] ** 2 - ideal["noise_variance"], 0.0) / max(ideal["sigma"] ** 2, 1e-300)
    return f"An aware search got more than the expected best, which is an average and not a bound: that attacker {'; '.join(reasons(s, share, ideal['method']))}"


def _defenses(pictures: dict[str, Any]) -> tuple[Any, ...]:
    """Of one row, as measured: defaults may have moved since."""
    return Scenario.parse(next(iter(pictures.values()))["scenario"]).defense


def _label(row: str, pictures: dict[str, Any]) -> str:
    if row in SETTINGS:
        return f"no defense, `{row}`"
    return " & ".join(f"`{_named(d)}`" for d in _defenses(pictures)) or "no defense"


def _named(defense: Any) -> str:
    """The defense with its strength, default or not."""
    shown = {
        k.name: getattr(defense, k.name) for k in defense.knobs() if k.name == defense.strength or getattr(defense, k.name) != k.default
    }
    return f"{defense.name}({','.join(f'{name}={value!r}' for name, value in shown.items())})"


def _cell(found: dict[str, Any], name: str, digits: int) -> str:
    return f"{found[name]:.{digits}f}" if name in found else "–"
