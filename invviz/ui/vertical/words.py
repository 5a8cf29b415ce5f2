"""The Vertical page in words."""

from __future__ import annotations

from collections.abc import Sequence

from ... import depths
from ...risk import band
from ..known import Known


def finding(shown: Sequence[Known], here: Known) -> str:
    """What the page says, in one line, from the results that are there.

    Args:
        shown: every depth, the shallowest first.
        here: the chosen one.
    """
    layer = depths.layer_of(here.scenario)
    real = {name: psnr for name, psnr in here.got.items() if name != "ideal" and psnr is not None}
    if not real:
        if here.ideal_psnr is None:
            return f"After {layer}: the spectrum is being computed ..."
        return (
            f"After {layer} an ideal attacker sees a {band(here.ideal_psnr)} picture ({here.ideal_psnr:.1f} dB); no attack was run here yet"
        )
    best = max(real, key=lambda name: real[name])
    said = f"After {layer}, {depths.called(best).lower()} gets a {band(real[best])} picture ({real[best]:.1f} dB)"
    return said + fall(shown, best)


def fall(shown: Sequence[Known], name: str) -> str:
    """How that attacker's picture changes from the first cut to the last, where both are known and far apart."""
    known = [(depths.layer_of(one.scenario), psnr) for one in shown if (psnr := one.got.get(name)) is not None]
    if len(known) < 2 or known[0][1] - known[-1][1] < 3:
        return ""
    return f"; from {known[0][1]:.0f} dB after {known[0][0]} down to {known[-1][1]:.0f} dB after {known[-1][0]}"


def size_of(one: Known) -> str:
    """How many numbers are sent, against how many the part has."""
    if one.view is None:
        return ""
    sent, held = one.view.size.count, one.truth.size
    return f"{sent:,} numbers for {held:,} pixels" if held > 1 else f"{sent:,} numbers"


def accuracy(one: Known) -> str:
    """Of the joint model, where it was trained."""
    found = [a.result["accuracy"] for a in one.attacks.values() if a.result and a.result.get("accuracy") is not None]
    if one.view is not None and one.view.accuracy is not None:
        found.append(one.view.accuracy)
    if found:
        return f"{100 * found[0]:.0f} %"
    return "not trained" if one.scenario.model.init == "random" else "..."
