"""The Vertical page in words."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.modality import SERIES
from ...core.table import right
from ...metrics import decibels
from ...scenario.families import cuts
from .. import things
from ..known import Known, cells


def finding(shown: Sequence[Known], here: Known) -> str:
    """What the page says, in one line, from the results that are there.

    Args:
        shown: every depth, the shallowest first.
        here: the chosen one.
    """
    layer = cuts.layer_of(here.scenario)
    real = {name: psnr for name, psnr in here.got.items() if name != "ideal" and psnr is not None}
    if not real:
        if here.ideal is None or here.ideal_psnr is None:
            return f"After {layer}: {missing(here)}"
        return f"After {layer} an ideal attacker gets {reached(here, 'ideal')}; no attack was run here yet"
    guesses = {name: guess for name in real if (guess := here.attacks[name].guess) is not None}
    columns = here.scenario.columns
    best = max(guesses, key=lambda name: (right(columns, here.truth, guesses[name]).mean() if columns else 0.0, real[name]))
    fallen = "" if columns else fall(shown, best)
    return f"After {layer}, {cuts.called(best).lower()} gets {reached(here, best)}{fallen}"


def missing(one: Known) -> str:
    """Why there is no spectrum, or not yet."""
    if one.unscored:
        return one.unscored
    if one.job is not None and one.job.state == "failed":
        return f"the spectrum could not be computed: {one.job.error}"
    if one.job is None:
        return "its spectrum has not been asked for"
    return "the spectrum is being computed ..."


def fall(shown: Sequence[Known], name: str) -> str:
    """How that attacker's picture changes from the first cut to the last, where both are known and far apart."""
    known = [(cuts.layer_of(one.scenario), psnr) for one in shown if (psnr := one.got.get(name)) is not None and psnr == psnr]
    if len(known) < 2 or known[0][1] - known[-1][1] < 3:
        return ""
    return f"; from {decibels(known[0][1], 0)} after {known[0][0]} down to {decibels(known[-1][1], 0)} after {known[-1][0]}"


def size_of(one: Known) -> str:
    """How many numbers are sent, against how many the part has."""
    if one.view is None:
        return ""
    sent, held, kind = one.view.size.count, one.truth.size, one.scenario.data.modality
    return f"{sent:,} numbers for {held:,} {'entries' if one.scenario.columns else 'values' if kind is SERIES else 'pixel values'}"


def reached(one: Known, who: str) -> str:
    """How good an attacker's guess is: cells of a row, or the word and the PSNR of a picture. Only where there is one."""
    if not one.scenario.columns:
        quality = one.ideal_quality(" · ") if who == "ideal" else one.attacks[who].quality(" · ")
        said, _, psnr = quality.rpartition(" · ")
        return things.say(one.scenario, f"a picture that is {said} ({psnr})" if said else f"a picture with {psnr}")
    guess = one.ideal if who == "ideal" else one.attacks[who].guess
    assert guess is not None
    return f"{cells(one.scenario, one.truth, guess)} right"


def accuracy(one: Known) -> str:
    """Of the joint model, where it was trained."""
    found = [a.result["accuracy"] for a in one.attacks.values() if a.result and a.result.get("accuracy") is not None]
    if one.view is not None and one.view.accuracy is not None:
        found.append(one.view.accuracy)
    if found:
        changed = one.scenario.defense.on_messages
        return f"{100 * found[0]:.0f} %{' without the defense' if changed else ''}"
    return "not trained" if one.scenario.model.init == "random" else "..."
