"""The Vertical page: the other way round, what a party tells of labels that it does not own."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from ...scenario import Scenario, train_problems
from ...scenario.families import cuts
from .. import asking, trouble
from ..known import Known

WHY = (
    "In training the server sends every party the gradient of the loss with respect to its embedding. The party does not own the labels, but that gradient "
    "depends on them: pictures of one class get gradients that point the same way."
)
HELP = "Gradients for 500 public pictures, with the defense on the screen, at the net as it is; takes seconds, and a training first where the net is trained."


def draw(here: Known) -> None:
    """A button, then the figures."""
    now = here.scenario
    st.markdown("## The other way round: what the gradients that come back tell a party of the labels")
    if found := train_problems(now):
        st.caption(f":material/block: {trouble.plain(' '.join(found))}")
        return
    result = asking.once("labels", now, "Let the party guess labels", ":material/undo:", HELP, lambda job: "Taking gradients back ...", WHY)
    if result is not None:
        _figures(now, result)


def sentence(result: Mapping[str, Any]) -> str:
    """What the figures say, in one line.

    Example:
        >>> sentence({"hint": 0.82, "chance": 0.12, "trial": None})
        'With one known example of each class the party tells 82 % of the labels; always naming the largest class tells 12 %'
    """
    return (
        f"With one known example of each class the party tells {100 * result['hint']:.0f} % of the labels; "
        f"always naming the largest class tells {100 * result['chance']:.0f} %"
    )


def _figures(now: Scenario, result: Mapping[str, Any]) -> None:
    st.markdown(f"**{trouble.plain(sentence(result))}**")
    rows = [
        ("Chance", "always the most frequent class", result["chance"]),
        ("Hint", "the class of the nearest of one known example each, by the cosine of gradients", result["hint"]),
        ("Trial, own top net", "each label tried on a top net of its own, with fresh weights", result["trial"]),
        ("Trial, the server's top net", "the same by a party that has got hold of the server's net", result["trial_known"]),
    ]
    body = "".join(_row(*row) for row in rows)
    st.html(f'<div class="vertical returned"><table><tbody>{body}</tbody></table></div>')
    aucs = [a for a in result["norm_auc"] if a is not None]
    least, most = (min(aucs), max(aucs)) if aucs else (0.5, 0.5)
    st.caption(
        f"{cuts.whose(now)} looked at {result['pictures']:,} pictures, batches of {now.batch}. By the gradient's norm alone, one class against the rest: AUC {least:.2f} to {most:.2f} "
        "(0.5 tells nothing). `python -m invviz labels` prints all of it."
    )


def _row(name: str, how: str, share: float | None) -> str:
    said = "not possible: other parties' embeddings enter the net, too" if share is None else f"{100 * share:.0f} %"
    bar = "" if share is None else f'<span class="bar" aria-hidden="true"><i style="width:{100 * share:.0f}%"></i></span>'
    return f'<tr><th scope="row">{escape(name)}</th><td>{escape(how)}</td><td>{bar}{escape(said)}</td></tr>'
