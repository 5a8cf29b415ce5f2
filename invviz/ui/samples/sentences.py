"""The Lab's stage for sentences: what is private, what an ideal attacker knows of each word, and what a real attack read."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ...charts import sentences as html
from ...charts.bits import bits_spec
from ...core.figures import number, percent, readable
from ...core.vocabulary import Vocabulary
from ...engine.bits import LEVELS, Counted
from ...jobs.limits import too_dear
from ...jobs.store import Job
from ...scenario import Scenario, bits_problems
from ...studies import hiding
from .. import finding, glossary, lesson, look, pulse, real, state, trouble
from ..victim import victim_of
from ..views import RunView
from ..waits import waiting
from ._counted import counted

CERTAIN = 0.99  # probability of a word from which it is called certain
GENIE = "Whoever knows the net, the noise's size and all other words. On average over words that are drawn alike nobody learns more of one; who knows the language may guess better under much noise."
STUDY = "Noise at which half is still learned by whoever knows net and noise: half of the bits of words, InvRE 1/2 of pictures; medians with 95 % intervals."
NOT_YET = "The attack reads two weight gradients: run it to see which words it gets, and how sure it is of them."
HALF = "Every word of the vocabulary counts alike. Alternatives are counted, since words do not move in small steps."


def draw(now: Scenario) -> None:
    """The whole stage."""
    state.write_address()
    victim = victim_of(now)
    if isinstance(victim, str):
        st.warning(trouble.plain(victim), icon=":material/image_not_supported:")
        return
    words, (found, counting), (run, running) = _words(now), counted(now, victim.truth), look.run_of(now)
    pulse.keep(any(job is not None and job.active for job in (counting, running)))
    truth, best, got = st.columns(3, gap="medium")
    with truth:
        st.markdown(f"**The client's sentence{'s' * (now.batch > 1)}**")
        st.html(html.plain_html([words.sentence(row) for row in victim.truth], _dark()))
        where = (
            "your own, in memory only"
            if now.upload
            else f"sentence {now.data.index} of {victim.count:,} · {now.data.citation[:1].lower()}{now.data.citation[1:].rstrip('.')}"
        )
        st.caption(f"never sent · {where}")
    with best:
        _ideal(now, words, found, counting)
    with got:
        _real(now, words, victim.truth, run, running)
    _finding(now, found)
    left, right = st.columns(2, gap="medium")
    with left:
        curve(found, counting)
    with right:
        _said(now, run, running)
    finding.footer(now, run)


def _words(now: Scenario) -> Vocabulary:
    assert now.data.vocabulary is not None
    return now.data.vocabulary


def _dark() -> bool:
    return st.context.theme.type == "dark"


def _hidden(what: str) -> bool:
    """Whether the link of a class hides something; then that is said."""
    if lesson.hidden(what):
        st.caption(lesson.HIDDEN)
    return lesson.hidden(what)


def _ideal(now: Scenario, words: Vocabulary, found: Counted | None, job: Job | None) -> None:
    """The most likely word at every place, as sure as it is."""
    st.markdown("**An :violet[ideal] attacker knows this**", help=GENIE)
    if _hidden("ideal"):
        return
    if found is None:
        st.caption(trouble.plain(" ".join(bits_problems(now)) or too_dear("bits", now) or waiting(job, "count of alternatives")))
        return
    shown = [
        [
            html.Known(words.word(int(word.shares.argmax()) + 1), float(word.shares.max()), float(word.shares.max()) >= CERTAIN, word.bits)
            for word in sentence
        ]
        for sentence in found.here
    ]
    st.html(html.known_html(shown, float(np.log2(found.gram.shape[-1])), _dark()))
    sure = sum(word.certain for sentence in shown for word in sentence)
    st.caption(f"**{sure} of {sum(map(len, shown))} words certain** · fainter: less sure")


def _real(now: Scenario, words: Vocabulary, truth: np.ndarray, run: RunView | None, job: Job | None) -> None:
    """What the attack read, word by word."""
    st.markdown("**A :orange[real] attack got this**", help=glossary.tip("attack"))
    if _hidden("attack"):
        return
    if run is not None:
        pairs = [
            [html.Guessed(words.word(int(g)), bool(g == t)) for g, t in zip(guess, true, strict=True) if g or t]
            for guess, true in zip(run.guess, truth, strict=True)
        ]
        st.html(html.guessed_html(pairs, _dark()))
    real.below(now, run, None, job)


def _said(now: Scenario, run: RunView | None, job: Job | None) -> None:
    """What the attack says of its answer."""
    if _hidden("attack" if lesson.hidden("attack") else "score"):
        return
    if run is None:
        st.info(trouble.plain(waiting(job, "attack")) if job is not None and job.active else NOT_YET, icon=":material/timeline:")
        return
    st.markdown(f"### {now.attack.title}: what it says of its answer")
    st.info(trouble.plain(readable(run.result["note"])), icon=":material/verified:" if not run.result["failed"] else ":material/help:")


def _finding(now: Scenario, found: Counted | None) -> None:
    """The score in words."""
    if lesson.hidden("ideal") or lesson.hidden("score") or found is None:
        return
    every = [word for sentence in found.here for word in sentence]
    bits, entropy, right = np.mean([w.bits for w in every]), every[0].entropy, float(np.mean([w.right for w in every]))
    st.markdown(f"## {bits:.2f} of {entropy:.2f} bits of a word are learned: InvRE {bits / entropy:.2f}", help=f"{GENIE} {HALF}")
    noise = found.sigma / found.size.rms
    st.markdown(
        f"With noise of {percent(noise)} of the message's typical entry the most likely word is the true one **{100 * right:.0f} %** of the time."
    )


def curve(found: Counted | None, job: Job | None) -> None:
    """Bits over the noise."""
    if _hidden("spectrum"):
        return
    if found is None:
        st.info(trouble.plain(waiting(job, "count of alternatives")), icon=":material/query_stats:")
        return
    facts = found.facts()
    title = f"Half of a word drowns at {number(facts['half'], 2)} times the typical entry"
    st.markdown(f"### {title}", help=HALF)
    spec = bits_spec(LEVELS, facts["curve"], facts["entropy"], found.sigma / found.size.rms, _dark())
    st.vega_lite_chart(spec, key="bits", alt=f"Bits learned of a word over the noise, falling; {title}.")
    if words := hiding.finding():
        st.caption(f":material/menu_book: Study of {len(hiding.VICTIMS)} sentences and digits, fresh nets: {words}", help=STUDY)
