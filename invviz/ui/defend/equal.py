"""The Defend page: defenses compared where they cost the same, from a study that is shipped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from ...charts._colours import css
from ...charts.equal import COLOURS, SHAPES, panel
from ...core.figures import listed, number, percent
from ...defenses import DEFENSES, Stack
from ...scenario import Scenario
from ...studies import equal_cost
from ...studies.equal_cost import TITLES, EqualCostStudy
from .. import broken, choice, strongest

PANELS = {"unaware": "○ Unaware attack, hollow marks", "aware": "● Aware attack, filled marks", "ceiling": "Ideal attacker, dashed"}
MARKS = dict(zip(SHAPES, "●■◆▲▼", strict=True))
WIDEST = 0.15  # of accuracy that panels show below the undefended one
HIGHEST = 35.0  # dB that panels over accuracy show: above it nothing is lost yet
HEAD = ("Defense", "Strength there", "Accuracy", "○ Unaware attack", "● Aware attack", "Ideal attacker", "Noise energy")
VOID = "void: did not solve for this noise"
AWAY = {0: "", 1: "never costs that much: strongest setting", -1: "always costs more: weakest setting"}


def draw() -> None:
    """The choice of what is equal, what comes out, table and panels."""
    st.markdown("## At equal cost")
    study = equal_cost.load()
    if study is None:
        st.caption(f"The study is not on this machine; make it with `{equal_cost.COMMAND}`.")
        return
    st.caption(_intro(study))
    options = {key: words for key, (_, _, words) in _choices(study).items()}
    kind, target, _ = _choices(study)[choice.of_view("equal", options, "What is equal", label_visibility="collapsed")]
    arms = study.point(kind, target)
    st.markdown(f"**{equal_cost.headline(arms, TITLES, kind, target)}**")
    st.html(_table(study, arms))
    lines = [f"- {equal_cost.sentence(name, TITLES[name], arm)}" for name, arm in arms.items() if name != equal_cost.BASELINE]
    st.markdown("\n".join(lines))
    if words := equal_cost.misled(arms, TITLES):
        st.caption(words)
    broken.draw([Stack((DEFENSES[name.split("(")[0]](),)) for name in arms if name != equal_cost.BASELINE], "the attackers of this study")
    first = Scenario.parse(study.scenario)
    strongest.draw([name.split("(")[0] for name in arms], first.data.text(), first.model.text())
    _panels(study, kind, target)
    st.caption(_small_print(study))


def _choices(study: EqualCostStudy) -> dict[str, tuple[str, float, str]]:
    """By the word that the address keeps: kind, target, label."""
    drops = {
        f"drop {number(100 * t)}": ("accuracy", t, f"accuracy −{number(100 * t)} point{'s' if t != 0.01 else ''}")
        for t in study.targets("accuracy")
    }
    return drops | {f"energy {number(100 * t)}": ("energy", t, f"noise energy {percent(t)}") for t in study.targets("energy")}


def _intro(study: EqualCostStudy) -> str:
    t = study.training
    return (
        "Any noise hides a picture if there is enough of it; a fair comparison fixes what it costs. Here every defense gets the strength at which "
        "training loses the same accuracy, or at which its noise has the same energy, and then we look at what is left for each attacker. "
        f"A study that is shipped ({_about(study)}): it does not follow the controls above. "
        f"{len(study.pictures)} pictures, {len(study.seeds)} seeds (weights, order, noise); {t['rounds']} rounds of training with {t['clients']} clients of one "
        "sample, each sending through the defense. In brackets: 95 % intervals."
    )


def _about(study: EqualCostStudy) -> str:
    scenario = Scenario.parse(study.scenario)
    return f"{scenario.data.title}, {scenario.model.title}"


def _table(study: EqualCostStudy, arms: Mapping[str, Any]) -> str:
    head = "".join(f'<th scope="col">{escape(label)}</th>' for label in HEAD)
    bare = study.bare["curve"][0]
    rows = [_row("No defense", "", "", "", bare | {"energy": None})]
    for place, (name, arm) in enumerate(arms.items()):
        mark = f'<span aria-hidden="true" style="color:{css(COLOURS[place])}">{MARKS[SHAPES[place]]}</span> '
        rows.append(
            _row(
                TITLES[name],
                mark,
                _spread(arm["strength"], number, knob=_knob(name)),
                AWAY[arm["missed"]],
                arm,
                VOID * equal_cost.void(name),
            )
        )
    dark = " dark" if st.context.theme.type == "dark" else ""
    caption = "PSNR in dB that each attacker reaches, on average over pictures and seeds; the lower, the better hidden."
    return f'<div class="defend{dark}" tabindex="0"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _row(title: str, mark: str, strength: str, aside: str, figures: Mapping[str, Any], void: str = "") -> str:
    cells = [strength + (f'<span class="level">{aside}</span>' if aside else "")]
    cells.append(_spread([100 * v for v in figures["accuracy"]], "{:.1f}".format, " %"))
    cells += [
        _spread(figures[who], "{:.1f}".format) + (f'<span class="level">{void}</span>' if void and who != "unaware" else "")
        for who in PANELS
    ]
    cells.append(_spread([100 * v for v in figures["energy"]], number, " %") if figures["energy"] else "")
    return f'<tr><th scope="row">{mark}<b>{escape(title)}</b></th>' + "".join(f"<td>{cell or '–'}</td>" for cell in cells) + "</tr>"


def _knob(name: str) -> str:
    return DEFENSES[name.split("(")[0]].strength + " "


def _spread(figure: Sequence[float], form: Callable[[float], str], unit: str = "", knob: str = "") -> str:
    """Value with the ends of its interval."""
    value, low, high = (form(v) for v in figure)
    return f'{knob}<b>{value}{unit}</b> <span class="level">[{low} to {high}]</span>'


def _panels(study: EqualCostStudy, kind: str, target: float) -> None:
    whole = study.bare["curve"][0]["accuracy"][0]
    curves = {name: arm["curve"] for name, arm in study.arms.items()}
    names = [TITLES[name] for name in curves]
    energies = [c["energy"][0] for curve in curves.values() for c in curve]
    x: dict[str, Any] = {"title": "accuracy", "domain": [whole - WIDEST, whole + 0.03], "log": False, "format": ".0%"}
    if kind == "energy":
        x = {"title": "noise energy (log scale)", "domain": [min(energies), max(energies)], "log": True, "format": "~g"}
    heights = [c[who][end] for curve in curves.values() for c in curve for who in PANELS for end in (1, 2)]
    top = min(max(heights), HIGHEST) if kind == "accuracy" else max(heights)
    for column, (who, title) in zip(st.columns(3), PANELS.items(), strict=True):
        rows = [
            {"name": TITLES[name], "strength": strength, "rank": rank, **_ends("x", c[kind]), **_ends("y", c[who])}
            for name, curve in curves.items()
            if who == "unaware" or not equal_cost.void(name)
            for rank, (strength, c) in enumerate(zip(study.arms[name]["strengths"], curve, strict=True))
        ]
        column.caption(f"**{title}**")
        at = whole - target if kind == "accuracy" else target
        column.vega_lite_chart(
            panel(rows, names, who, x, [min(heights), top], at, st.context.theme.type == "dark"), key=f"equal {who}", alt=_alt(title, kind)
        )


def _ends(axis: str, figure: Sequence[float]) -> dict[str, float]:
    return dict(zip((axis, f"{axis}_low", f"{axis}_high"), figure, strict=True))


def _alt(title: str, kind: str) -> str:
    cost = "the accuracy that is left" if kind == "accuracy" else "the energy of the noise"
    return f"{title}: PSNR over {cost}, one line a defense; the figures are in the table above."


def _small_print(study: EqualCostStudy) -> str:
    t, facts = study.training, study.facts
    return (
        f"The panels of attackers who know the defense leave out {listed([TITLES[name] for name in study.arms if equal_cost.void(name)])}: their figures there are void. "
        "Vertical line: where the table is taken; panels over accuracy leave out what costs nothing and what leaves little. Between the strengths that were tried, figures are interpolated straight over the logarithm of the "
        f"strength; intervals draw pictures and seeds again ({study.resamples:,} times, the same for all defenses); {len(study.seeds)} seeds make them rough. "
        "The aware attack is told the defense and its strength, of isotropic noise the standard deviation itself; the shape of the other noises it "
        "takes at a grey picture. The ideal attacker has the app's noise floor on top and knows the shape at the true picture; the real attacks have no floor, "
        "so at little noise they may get more than it: its figure is an average, no bound. "
        "InvL-DNP has the band from 0.60 of the spectrum here; the published one begins with the strongest direction, so its figures are not those of the paper's defense. "
        "Noise in the tangent space has no isotropic share here (knob isotropic), and the aware attack did not solve for it; with the share that holds, at the same accuracy "
        "it is unclear what is left of its advantage over isotropic noise (measured apart from this study, on 4 digits and 2 seeds: InvL-GNP 0.5 to 1.3 dB worse, water-filling 0.1 to 1 dB better; a third, unfinished: over 3 dB better). "
        "InvL-ENP is left out: it protects embeddings, and the clients of this study send gradients. "
        f"Learning rate {number(t['lr'])}, accuracy on held-out digits, mean of the last {t['evaluations']} evaluations. "
        f"Made by `{study.command}` in {facts['seconds'] / 60:.0f} minutes on {facts['machine']} ({facts['date']}) from `{study.scenario}` and its defenses."
    )
