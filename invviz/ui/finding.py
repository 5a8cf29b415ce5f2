"""What the screen says in words, beside what it explains."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ..core.figures import number, readable
from ..core.papers import cite, title
from ..engine.bounds import in_brackets
from ..engine.gap import gap
from ..engine.summary import doubts
from ..jobs.limits import risk_problems
from ..metrics import decibels, tells
from ..risk import Decomposition, invloss, invre, invre_interval, k_star, psnr_ceiling, psnr_interval
from ..risk.prior import TAU
from ..scenario import Scenario
from . import glossary, lesson, things, trouble
from .components import noise
from .released import formula, released
from .views import Figures, RiskView, RunView

HELP = glossary.tip("invre", "tells", "ideal", "best", "bound")
PAPER, MODELS = "xu2025invloss", "carletti2025sok"
UNKNOWN = "What was unknown: the squared error of a guess without the message; not a share of pixels."
MEANS = "an average over pictures and noise, so single pictures lie above and below it"


def levels(decomposition: Decomposition, sigma: float) -> tuple[np.ndarray, float]:
    """Singular values (weighted by the prior) and the level that noise drowns, in message units per unit of pixel."""
    return np.sqrt(decomposition.gains) / TAU, sigma / TAU


def draw(now: Scenario, risk: RiskView | None, run: RunView | None, ideal_psnr: float | None, live: bool = False) -> None:
    """Score, expected best, and the gap between ideal and real; where `live`, the browser draws the first two."""
    if risk is None:
        missing = " ".join(risk_problems(now))
        st.markdown("## InvRE: not for this scenario" if missing else "## InvRE ...")
        st.caption(trouble.plain(missing) or "The risk score appears as soon as the spectrum is known.")
    elif risk.first:
        _first(now, risk.figures(risk.sigma(now)), risk.decomposition.products)
    else:
        sigma = risk.sigma(now)
        score, ceiling = invre(risk.decomposition, sigma), psnr_ceiling(risk.decomposition, sigma)
        # why it is no bound is a matter of net, noise and floor, not of where the slider stands
        means = f"{things.say(now, MEANS)}; {in_brackets(risk.against(now))}. {things.say(now, UNKNOWN)}"
        if live:
            noise.part("lab", "finding", means=means)
        with noise.instead("finding", live) as needed:
            if needed:
                st.markdown(f"## InvRE {score:.2f}: an ideal attacker recovers {100 * score:.0f} % of what was unknown", help=HELP)
                st.markdown(f"Expected best **{ceiling:.1f} dB** (the message {tells(score)}): {means}")
        if words := things.say(now, _gap(risk, run, ideal_psnr)):
            with st.container(key="after-noise-finding"):
                st.markdown(words, help=HELP)
        if risk.decomposition.method == "sketch":
            (low, high), (worst, best) = invre_interval(risk.decomposition, sigma), psnr_interval(risk.decomposition, sigma)
            st.caption(
                f":material/info: Estimated by a sketch: InvRE lies between {low:.3f} and {high:.3f}, the expected best between {worst:.1f} and {best:.1f} dB "
                "(95 %); the ideal attacker's picture is what so many products of conjugate gradients give."
            )
        for words in doubts(now, risk.decomposition, sigma, risk.solved):
            st.caption(f":material/info: {words}")
    _explanations(now, risk)


def untold(now: Scenario) -> None:
    """What stays where the link of a class hides scores or the ideal attacker: the explanations."""
    st.markdown("## What do you think?")
    st.caption(lesson.HIDDEN)
    _explanations(now, None)


def _first(now: Scenario, known: Figures, products: int) -> None:
    """What a first sketch says: how far apart the ends are, and no verdict."""
    score, share = _ends(f"{known.low:.2f}", f"{known.high:.2f}"), _ends(f"{100 * known.low:.0f}", f"{100 * known.high:.0f}")
    st.markdown(f"## InvRE {score}: an ideal attacker recovers {share} % of what was unknown", help=HELP)
    st.markdown(f"Expected best **{_ends(f'{known.worst:.0f}', f'{known.best:.0f}')} dB**: {things.say(now, MEANS)}; not a bound.")
    st.caption(
        f":material/draw: A first sketch from {products} Jacobian products, with its 95 % interval. The whole spectrum is being computed; {things.say(now, 'picture')} and figures sharpen when it is there."
    )


def _ends(low: str, high: str) -> str:
    """Both, or one where they read the same."""
    return f"about {low}" if low == high else f"{low} to {high}"


def _gap(risk: RiskView, run: RunView | None, ideal_psnr: float | None) -> str:
    if ideal_psnr is None:
        return ""
    if run is None:
        return f"On this picture the ideal attacker reaches {decibels(ideal_psnr)}. Run the attack to see how near a real one comes."
    reached = float(np.mean(run.result["scores"]["psnr"]))
    expected, share = risk.figures(risk.sigma(run.scenario)).ceiling, risk.floor_share(run.scenario)
    return gap(
        run.scenario,
        reached,
        ideal_psnr,
        run.result["stopped"],
        share,
        risk.decomposition.method,
        expected,
        risk.figures(risk.sigma(run.scenario)).score,
    )


def _explanations(now: Scenario, risk: RiskView | None) -> None:
    """Short, beside the numbers, each with its equation."""
    with st.expander("What is released, and what is J?"):
        st.markdown(released(now, risk.decomposition.num_message if risk else None))
        _equations(r"r = G(x) + \eta", f"G(x) = {formula(now)}", r"J = \partial G/\partial x = U S V^\top")
    with st.expander("Why do small singular values protect?"):
        st.markdown(
            f"A singular value says how loudly the message speaks about one direction in the space of all {now.data.modality.many}. Noise drowns what "
            "is softer than it: directions above the floor can be read, those below cannot. More noise lifts the floor."
        )
        _equations(
            r"\mathrm{InvLoss} = \sum_i\frac{\tau^2\sigma^2}{\sigma^2+\tau^2 s_i^2}", r"\mathrm{InvRE} = 1-\frac{\mathrm{InvLoss}}{n\tau^2}"
        )
        st.caption(f"Definition ours, after {cite(PAPER)}; white prior written out.", help=title(PAPER))
    with st.expander("Why is a failed attack no proof of safety?"):
        st.markdown(
            "A real attack searches, and searches get stuck. The ideal attacker does not search: it reads the best guess off the spectrum in closed form. "
            "Whatever lies between the two is what that attacker could not compute or was not told: a better optimiser, a better start or a word more may close it tomorrow."
        )
        _equations(r"\hat x = \mu+P J^\top\Sigma^{-1}(r-G(\mu))", r"P = (C^{-1}+J^\top\Sigma^{-1}J)^{-1}")


def _equations(*lines: str) -> None:
    """One below the other, lined up at the equals sign: side by side they would be cut."""
    st.latex(r"\begin{aligned}" + r"\\[0.3em] ".join(line.replace("=", "&=", 1) for line in lines) + r"\end{aligned}")


def about_spectrum(now: Scenario) -> str:
    """Caption under the spectrum."""
    prior = "of J" if now.prior == "white" else f"of J, weighted by the {now.prior} prior"
    return f"Singular values {prior}: filled directions can be read out of the message, pale ones drown in noise (sigma of defense and floor together)."


def details(risk: RiskView, now: Scenario) -> str:
    """The remaining numbers of the risk score, in one line."""
    sigma = risk.sigma(now)
    d = risk.decomposition
    numbers = f"InvLoss {number(invloss(d, sigma))} · k* {k_star(d, sigma):,} · noise sigma {number(sigma)} per entry · message of {d.num_message:,} numbers"
    why = f" ({risk.why})" if risk.why and d.method == "sketch" else ""
    return f"{numbers} · {d.method}{why}, {d.products:,} products, singular values above {number(d.resolved, 1)} resolved"


def footer(now: Scenario, run: RunView | None) -> None:
    """The line from which everything can be computed again, and what the attacker was given."""
    st.code(now.text(), language=None, wrap_lines=True)
    if run is not None and not run.study and not lesson.hidden("score"):  # what the attack says of its answer is a verdict
        given, letter = run.result["given"], run.result["threat_model"]
        unaware = "; not told of the defense" if run.scenario.defense and run.scenario.attacker == "unaware" else ""
        notes = " ".join(n for n in (run.result["note"], run.result["data_note"]) if n)
        trained = f" Net: {100 * run.result['accuracy']:.0f} % accurate." if run.result["accuracy"] is not None else ""
        curious = "" if run.scenario.malicious else ", honest but curious"
        said = f"Real attack: given {given}{unaware}. Threat model {letter} ({cite(MODELS)}){curious}. {readable(notes)}{trained}"
        st.caption(said, help=title(MODELS))
