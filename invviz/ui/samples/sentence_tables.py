"""Sentences on the pages that compare: bits over the noise, every attack, every defense; words right in the place of decibels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st

from ...core.figures import number, percent, readable
from ...scenario import Scenario, problems
from ...scenario.families import attacks as lineup
from ...scenario.families import defenses
from .. import asking, pulse, trouble
from ..known import AttackOutcome, Known, found
from ..victim import Victim, victim_of
from ..waits import waits
from . import sentences
from ._counted import counted

WHO = ("unaware", "aware")
RISK = "One sentence at a time: sentences, models and layers are not ranked here, because a word has no spectrum. The Lab shows which words drown."
DEFEND = "Right words in the place of decibels. Another attack may read what this one does not: see Attacks. The ideal attacker's bits at this noise stand in the Lab; least noise, equal cost and A and B are made for pictures."


def risk(now: Scenario) -> None:
    """Bits of every word, and how they drown."""
    victim = _victim(now)
    if victim is None:
        return
    alternatives, job = counted(now, victim.truth)
    pulse.keep(job is not None and job.active)
    if alternatives is None:
        sentences.curve(None, job)
        return
    facts, known = alternatives.facts(), now.data.vocabulary
    assert known is not None
    here = [word for sentence in alternatives.here for word in sentence]
    bits = float(np.mean([word.bits for word in here]))
    st.markdown(
        f"## {bits:.2f} of {facts['entropy']:.2f} bits of a word are learned, at noise of {percent(alternatives.sigma / alternatives.size.rms)} of the typical entry"
    )
    beside, table = st.columns(2, gap="medium")
    with beside:
        sentences.curve(alternatives, job)
    with table:
        st.markdown("### Which words drown first", help=sentences.HALF)
        words = [known.word(int(token)) for row in victim.truth for token in row if token]
        halves = [level for row in facts["halves"] for level in row]
        order = np.argsort(halves)
        _table(
            ("Word", "Bits learned", "Half of them drown at"),
            [(words[k], f"{here[k].bits:.2f}", f"{number(halves[k], 2)} times the typical entry") for k in order],
        )
    st.caption(RISK)
    st.code(now.text(), language=None, wrap_lines=True)


def attacks(now: Scenario) -> None:
    """Every attack that fits, with the words that it has right."""
    victim, listed = _victim(now), lineup.attackers(now)
    if victim is None or not listed:
        return
    here = found(Known, [now], lambda s: listed, victim.truth)[0]
    pulse.keep(any(job.active for job in here.jobs))
    outcomes = list(here.attacks.values())
    done = {a.scenario.attack.short_title(): right(a) for a in outcomes if a.result is not None}
    best = max(done.values(), default=0.0)
    said = (
        f"{', '.join(name for name, share in done.items() if share == best)}: {percent(best)} of the words right"
        if done
        else f"No attack has been run on this sentence yet: run all {len(outcomes)}"
    )
    st.markdown(f"## {said}")
    with st.container(horizontal=True, gap="small"):
        asking.run_all(outcomes, "Run all attacks", prominent=True)
        asking.stop_all(outcomes)
    rows = []
    for a in sorted(outcomes, key=lambda a: -right(a)):
        wants = a.scenario.attack.wants()
        wants = dataclasses.replace(wants, labels=wants.labels and not now.model.task.of_inputs)  # of a language model they are the words
        told = wants.words().replace("message, net", "").strip(", ")
        note = readable(str((a.result or {}).get("note") or ""))
        seconds = f"{number(a.result['seconds'], 2)}\u00a0s" if a.result else ""
        rows.append((f"{a.scenario.attack.title} (told: {told})", _got(a), seconds, a.scenario.attack.exact or "never guaranteed", note))
    _table(("Attack", "Words right", "Time", "Exact when", "It says of itself"), rows)
    asking.failed([here], lambda one: "here")


def defend(now: Scenario, listed: Sequence[Scenario]) -> None:
    """Every defense that can act on words, against an attacker who does not know it and one who does."""
    victim = _victim(now)
    if victim is None:
        return
    fit = [s for s in listed if not problems(s)]
    if not fit:  # the attack itself reads no words, say
        st.info(trouble.plain(problems(listed[0])[0]), icon=":material/block:")
        st.code(now.text(), language=None, wrap_lines=True)
        return
    rows = found(Known, fit, lambda s: {who: s.replace(attacker=who) for who in WHO}, victim.truth)
    pulse.keep(any(job.active for one in rows for job in one.jobs))
    outcomes = [a for one in rows for a in one.attacks.values()]
    hidden = [one for one in rows if one.scenario.defense and all(right(a) < 0.5 for a in one.attacks.values() if a.result)]
    tried = [one for one in rows if one.scenario.defense and any(a.result for a in one.attacks.values())]
    attack = now.attack.short_title()
    st.markdown(
        f"## Behind {len([one for one in tried if one in hidden])} of {len(tried)} defenses {attack} has less than half of the words right"
        if tried
        else f"## Run {attack} behind {len(fit) - 1} defenses"
    )
    with st.container(horizontal=True, gap="small"):
        asking.run_all(outcomes, "Run all", prominent=True)
        asking.stop_all(outcomes)
    _table(
        ("Defense", "Strength", "Words right, attacker unaware", "Words right, attacker aware", "Promise"),
        [
            (s.defense.title or "No defense", s.defense.level(), *(_got(one.attacks[who]) for who in WHO), _promise(s))
            for s, one in zip(fit, rows, strict=True)
        ],
    )
    st.caption(DEFEND)
    if left := [s for s in listed if problems(s)]:
        with st.expander(f"{len(left)} defenses cannot act on words, and why"):
            st.markdown("\n".join(f"* **{s.defense.title}**: {trouble.plain(problems(s)[0])}" for s in left))
    asking.failed(rows, lambda one: one.scenario.defense.title or "No defense")
    st.code(now.text(), language=None, wrap_lines=True)


def right(outcome: AttackOutcome) -> float:
    """Mean share of right words; 0 where there is no result."""
    return 0.0 if outcome.result is None else float(np.mean(outcome.each("token_accuracy")))


def _victim(now: Scenario) -> Victim | None:
    victim = victim_of(now.replace(upload=""))
    if isinstance(victim, str):
        st.warning(trouble.plain(victim), icon=":material/image_not_supported:")
        return None
    return victim


def _got(outcome: AttackOutcome) -> str:
    if outcome.job is not None and outcome.job.active:
        return waits(outcome.job) or ""
    return "not run yet" if outcome.result is None else f"{percent(right(outcome))}{' (stopped)' * bool(outcome.result['stopped'])}"


def _promise(s: Scenario) -> str:
    return "; ".join(map(defenses.in_short, s.defense.promises)) or "none"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Plain cells, the first of each row its name."""
    dark = " dark" if st.context.theme.type == "dark" else ""
    top = "".join(f'<th scope="col">{escape(label)}</th>' for label in head)
    body = "".join(
        f'<tr><th scope="row"><b>{escape(row[0])}</b></th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    st.html(f'<div class="attacks grid{dark}" tabindex="0"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>')
