"""The Attacks page: does training mode protect? What the paper says, what was measured here, and switches for the conditions of both."""

from __future__ import annotations

import functools
from html import escape

import streamlit as st

from ...charts import conditions as chart
from ...core.remaining import in_words
from ...scenario import Scenario
from ...scenario.families import conditions
from .. import asking, drawn, more, press, sight, sources, state, trouble
from ..known import AttackOutcome
from ..session import station
from ..victim import unseen_psnr
from ..waits import waits
from . import modes, words
from .modes import INFERENCE, NOTHING, VIEW, Found, Section

TITLE = "Does training mode protect?"
PLACE = "training"  # where it is folded on the page
PAPER = (
    "**The paper says** (Valadi et al., *From Research to Reality*, arXiv 2508.19819): most attacks were shown on nets in inference mode, which is much easier. In training mode they work "
    "only where the net is shallow and wide, has skip connections and normalises before the activation."
)


def way() -> None:
    """The button that leads here, on the line of the page's title."""
    st.button(TITLE, key="to training", on_click=more.show, args=(PLACE,), type="tertiary", icon=":material/arrow_downward:")


def draw(section: Section | str) -> None:
    """Claim and measurement, switches, pictures of every seed, and one line a condition."""
    st.markdown(f"## {TITLE}")
    if isinstance(section, str):
        st.caption(f":material/block: {trouble.plain(section)}")
        return
    unseen = unseen_psnr(section.here.seeds[conditions.SEEDS[0]][section.here.strongest].scenario, section.victim.truth)
    st.markdown(f"**{words.training(section, unseen)}**")
    for place, text in zip(st.columns(2, gap="large"), (PAPER, f"**Measured here:** {words.measured(section.rows)}"), strict=True):
        place.markdown(text)
    with st.container(horizontal=True, gap="small", key="modes-switches"):
        modes.switches(section.chosen)
    for why in conditions.idle(section.chosen).values():
        st.caption(f":material/info: {why}")
    _pictures(section)
    _buttons(section)
    _strip(section, unseen)
    st.caption(_small_print(section))


def _pictures(section: Section) -> None:
    """The truth, the ideal attacker, and what the strongest attacker got at every seed: inference mode, nothing changed, what the switches show."""
    here, base = section.here, section.base
    scored = here if here.ideal is not None else base
    cells = [_figure("own", "", section.victim.truth, ", ".join(section.victim.names[:2]), "The client's pictures")]
    groups = [_group("own", "The client's pictures", cells)]
    if scored.ideal is not None and scored.ideal_psnr is not None:
        said = scored.ideal_quality(" · ")
        title = "An ideal attacker" if scored is here else "Ideal, nothing changed"
        groups.append(_group("ideal", title, [_figure("ideal", "", scored.ideal, said, title)]))
    shown = dict.fromkeys((INFERENCE, NOTHING, here.changed))
    groups += [_of(section.of(changed), changed == here.changed) for changed in shown]
    dark = " dark" if st.context.theme.type == "dark" else ""
    st.html(f'<div class="attacks modes{dark}">{"".join(groups)}</div>')


def _of(row: Found, open_: bool) -> str:
    title = conditions.called(row.changed)
    cells = [_seed(seed, one[row.strongest], title) for seed, one in row.seeds.items()]
    return _group("real open" if open_ else "real", title[:1].upper() + title[1:], cells)


def _seed(seed: int, attack: AttackOutcome, title: str) -> str:
    job = attack.job
    if job is not None and job.active:
        frame = sources.live_picture(attack.scenario) if job.state == "running" else None
        return _figure("real", f"seed {seed}", frame if frame is not None else attack.guess, waits(job), title)
    if attack.psnr is None:
        return _figure("real", f"seed {seed}", None, waits(job) or "not run yet", title)
    return _figure("real", f"seed {seed}", attack.guess, attack.quality(" · "), title)


def _group(role: str, title: str, cells: list[str]) -> str:
    return f'<section class="{role}"><b>{escape(title)}</b><div>{"".join(cells)}</div></section>'


def _figure(role: str, seed: str, picture: object, said: str, title: str) -> str:
    alt = escape(f"{title}, {seed}: {said}" if seed else f"{title}: {said}")
    shown = '<span class="blank"></span>' if picture is None else f'<img src="{drawn.thumb(picture)}" alt="{alt}">'  # type: ignore[arg-type]
    under = f"<small>{escape(seed)}</small>" if seed else ""
    return f'<figure class="{role}">{shown}<figcaption>{escape(said)}{under}</figcaption></figure>'


def _buttons(section: Section) -> None:
    """Compute what the switches show, stop it, show it above, or go back."""
    here = section.here
    missing, going = asking.left(here.attacks), {job.key for job in here.jobs if job.active}
    for job in here.jobs:
        if job.state == "failed":
            st.caption(f":material/error: {trouble.plain(job.error)}")
    if not (missing or going or section.chosen):
        return
    with st.container(horizontal=True, gap="small"):
        if missing:
            took = [float(a.result["seconds"]) for row in section.rows for a in row.attacks if a.result and a.job]  # on this machine
            guess = f", about {in_words(sum(took) / len(took) * len(missing) / station().num_workers)}" if took else ""
            label = f"Run this combination ({len(missing)} attacks{guess})"
            start = functools.partial(asking.start, missing)
            press.button(label, "run conditions", start, type="primary", icon=":material/play_arrow:", help=asking.WORKS)
        if going:
            press.button(f"Stop ({len(going)} to go)", "stop conditions", lambda: asking.stop(going), icon=":material/stop:")
        client = conditions.scenario(here.changed, conditions.SEEDS[0])
        press.button(
            "All attacks on this client, above", "open conditions", lambda: _open(client), shows=sight.TOP, icon=":material/arrow_upward:"
        )
        if section.chosen:
            press.button("Change nothing", "reset conditions", _reset, icon=":material/undo:")


def _open(client: Scenario) -> None:
    state.open_scenario(client)


def _reset() -> None:
    state.set_view(VIEW, "")


def _strip(section: Section, unseen: float | None) -> None:
    """One line a condition, a dot a seed."""
    base = conditions.middle(section.base.reached.values())
    rows = [row for found in section.rows for row in _lines(found, section)]
    ideals = {conditions.called(found.changed): found.ideal_psnr for found in section.rows if found.ideal_psnr is not None}
    said = "One condition changed at a time: what attackers get at every seed"
    st.markdown(f"### {said}")
    with st.container(key="wide-modes"):
        st.vega_lite_chart(chart.strip(rows, ideals, base, unseen, st.context.theme.type == "dark"), key="modes chart", alt=said)


def _lines(found: Found, section: Section) -> list[chart.Row]:
    ends = words.apart(found, section.base)
    strongest_first = sorted(found.psnr, key=lambda name: name != found.strongest)
    return [
        chart.Row(
            conditions.called(found.changed),
            words.attacker(name),
            found.psnr[name],
            hollow=name.endswith(" unaware"),
            plain=name.startswith("inverting"),
            said=ends if name == found.strongest else "",
            open=found is section.here,
        )
        for name in strongest_first
    ]


def _small_print(section: Section) -> str:
    ideal = section.base.ideal is not None and (
        f"The ideal attacker (purple; nothing changed, seed {conditions.SEEDS[0]}, a noise floor of 0.01 % of the message, to first order) needs no search: what it reads is what the message holds. "
        "It is not computed for the other rows: each takes half a minute or more, and with dropout it would be that of the net without. "
    )
    return (
        "● uses batch statistics where there are some (those that are sent; of kept ones a guess from public pictures); ◆ matches the gradient alone; hollow: not told of the dropout (who is told "
        "sees which features all pictures of the batch dropped; the rest of the masks stays unknown). Stroke: median. At the right: dB against the base line (orange), seed by seed, "
        f"median (least to most), of the attacker with the best median. {ideal or ''}"
        f"{len(section.victim.truth)} pictures of 16x16 in one gradient, fresh weights, labels known, {conditions.STEPS} steps of every attack, seeds {', '.join(map(str, conditions.SEEDS))}: "
        "much smaller than the paper's experiments, so this neither confirms nor refutes its figures. Made by `python -m invviz.gallery conditions`."
    )
