"""The Defend page: InvL-GNP, broken. Prepared results at six strengths, and why more of this noise tells more."""

from __future__ import annotations

import base64
from html import escape

import numpy as np
import streamlit as st

from ...charts.tangent import drawing, over_strength
from ...datasets import DATASETS
from ...metrics import Baseline, quality
from ...scenario import Scenario, problems
from ...studies.gallery import broken
from ...studies.gallery.broken import Cell, Story
from .. import choice, drawn, press, pulse, sight, state
from ..widgets import holds
from . import story_words

PLACE = "broken-here"
VIEWS = {"gnp": f"{broken.SHOWN:g}", "digit": "0"}
STRENGTHS = {f"{scale:g}": f"{scale:g}" for scale in broken.SCALES}
TILES = {
    "unaware": ("does not know it ○", "DLG, not told of the noise"),
    "law": ("expects such noise ●", "DLG, told how the noise is drawn"),
    "tangent": ("solves for the noise ◆", "tangent search: picture and noise together"),
}
DRAWN = "The message lies on the tangent at the true picture, however long the step; another picture's tangent misses it, the further the longer the step."
MOST = 800  # numbers of a picture that tangent search reads within a minute or two


def draw(now: Scenario) -> None:
    """Heading, what the slider moves, a way to try it, the border."""
    story = broken.load()
    with st.container(key=PLACE):
        if story is None:
            st.header("Broken here: InvL-GNP", anchor=PLACE)
            st.caption("The prepared results are not on this machine, or of another version; `python -m invviz.gallery broken` makes them.")
            return
        st.header(story_words.headline(story), anchor=PLACE)
        st.caption(
            f"InvL-GNP adds noise along the directions in which the message moves with the picture. Prepared: {len(story.truths)} digits, one seed each, a smooth LeNet, "
            "float64. It does not follow the controls above."
        )
        pulse.inner(_moved, story)
        _try(now)
        st.markdown(story_words.border(story))


def _moved(story: Story) -> None:
    """What the slider moves; redrawn alone."""
    scale = _strength()
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="broken-controls"):
        with st.container(width="stretch"):
            st.select_slider(
                "Strength of InvL-GNP (noise along each of its directions, over the message's typical entry)",
                list(broken.SCALES),
                scale,
                format_func=lambda one: f"{one:g}",
                **holds("gnp", scale, lambda one: state.set_view("gnp", f"{one:g}")),
            )
        with st.container(width="content"):
            digits = {str(place): f"{index}" for place, (index, _) in enumerate(broken.PICTURES)}
            place = int(choice.of_view("digit", digits, "Digit"))
    cell, dark = story.at(scale)[place], st.context.theme.type == "dark"
    shown, why = st.columns([6, 5], gap="medium")
    with shown:
        st.html(_tiles(story, cell))
        st.markdown(f"### {story_words.lesson(story)}")
        axis = "strength of InvL-GNP (log scale)"
        st.vega_lite_chart(
            over_strength(story_words.lines(story), broken.SCALES, scale, axis, dark),
            key="broken",
            alt=f"{story_words.lesson(story)}. {story_words.worst(story)}",
        )
        st.caption(
            f"Lines: means; dots: single digits. ◆ {story_words.worst(story)} Dashed: the ideal attacker's expected best, no bound here: that attacker takes the noise's shape as given "
            "and does not ask which picture it belongs to."
        )
    with why:
        st.markdown("### Why more of this noise tells more")
        step = broken.SCALES.index(scale) / (len(broken.SCALES) - 1)
        drawn = base64.b64encode(drawing(step, dark).encode()).decode()
        st.html(f'<img class="tangent" src="data:image/svg+xml;base64,{drawn}" alt="{escape(DRAWN)}">')
        st.markdown("\n".join(f"{place}. {words}" for place, words in enumerate(story_words.reasons(story), 1)))
        st.caption(
            "A sketch: one direction stands for as many as there are pixels, and nothing is to scale. Blue: the noise; it grows with the slider."
        )
    state.write_address()


def _tiles(story: Story, cell: Cell) -> str:
    """The truth, and three attackers' pictures."""
    base = Baseline(**{name: tuple(values) for name, values in story.baselines[cell.place].items()})
    parts = [
        f'<figure class="own"><b>the truth</b><img src="{drawn.thumb(story.truths[cell.place])}" alt="The true digit."><figcaption>never sent</figcaption></figure>'
    ]
    for name, (title, how) in TILES.items():
        got = cell.got[name]
        words = quality(got.psnr, got.ssim, base)
        parts.append(
            f'<figure><b>{escape(title)}</b><img src="{drawn.thumb(got.guess)}" alt="{escape(f"{title}: {words}.")}">'
            f"<figcaption>{escape(words)}, SSIM {got.ssim:.2f}<small>{escape(how)}</small></figcaption></figure>"
        )
    return f'<div class="attacks tiles broken">{"".join(parts)}</div>'


def _strength() -> float:
    """That of the slider."""
    return float(choice.pick("gnp", STRENGTHS, VIEWS["gnp"]))


def _try(now: Scenario) -> None:
    """Two ways into the Lab, at the strength that is shown when they are pressed."""

    def digit() -> None:
        place = int(choice.pick("digit", {str(k): "" for k in range(len(broken.PICTURES))}))
        state.open_scenario(broken.scenario("tangent", _strength(), *broken.PICTURES[place]))

    with st.container(horizontal=True, gap="small", key="broken-try"):
        lab = {"page": "pages/lab.py", "shows": sight.TOP}
        help_ = "Opens the Lab with tangent search; there, a picture of your own can be put in its place (More, Own picture). A picture of 16x16 takes about a minute."
        press.button(
            "Try it on your picture",
            "broken own",
            lambda: state.open_scenario(own(now, _strength())),
            icon=":material/science:",
            help=help_,
            **lab,
        )
        press.button(
            "Try it on this digit", "broken digit", digit, icon=":material/science:", help="Opens the Lab with what is shown here.", **lab
        )


def own(now: Scenario, scale: float) -> Scenario:
    """The picture that is chosen above, where tangent search reads it in time; else the same at 16x16, or a photograph."""
    data = now.data
    if data.columns or int(np.prod(data.shape)) > MOST:
        data = (data if data.name == "photos" else DATASETS["photos"]()).replace(size=16)
    tried = broken.scenario("tangent", scale, *broken.PICTURES[0]).replace(data=data, seed=now.seed)
    return tried if not problems(tried) else tried.replace(data=DATASETS["photos"]().replace(size=16))
