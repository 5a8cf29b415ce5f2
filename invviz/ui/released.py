"""What the client sends, in words and as a formula: the gradient of a batch, a local update, or an embedding."""

from __future__ import annotations

from ..protocols import HFL, VFL
from ..scenario import Scenario
from ..scenario.families import cuts


def released(now: Scenario, count: int | None) -> str:
    """What is sent, how many numbers that are, and what J is.

    Args:
        now: the scenario on the screen.
        count: of the numbers in the message; None where it is not known yet.
    """
    thing, one = ("row", "entry") if now.columns else ("picture", "pixel")
    message = now.protocol.message().replace("the picture", f"the {thing}")
    many = f"the {thing}s" if now.batch > 1 else f"the {thing}"
    often = f", in each of {now.rounds} rounds" if now.rounds > 1 else ""
    stacked = " That of all rounds has their rows one below the other, and attackers see all messages." if now.rounds > 1 else ""
    numbers = "numbers" if count is None else f"{count:,} numbers"
    if now.protocol.sends_embedding:
        who, each = _who(now), f", one for each of {now.batch} {thing}s" if now.batch > 1 else ""
        what = f"{message}{each}: what the layers up to {_layer(now)} make of it, {numbers}"
    else:
        who = "The client sends"
        mean = "" if now.batch == 1 else f" on its {now.batch} {thing}s" if _steps(now) > 1 else f", averaged over its {now.batch} {thing}s"
        what = f"{message}{mean}{often}: one number per weight{_left_out(now, count)}"
    return (
        f"{who} {what}, never {many}. But {many} {'decide' if now.batch > 1 else 'decides'} those numbers: "
        f"moving one {one} a little moves the message a little. The table of all these movements is the Jacobian J.{stacked}"
    )


def formula(now: Scenario) -> str:
    """The noise-free message G(x) in LaTeX."""
    protocol = now.protocol
    if isinstance(protocol, VFL):
        return r"f_{1\ldots k}(x)" if protocol.parties == 1 else r"f^{\,\mathrm{party}}_{1\ldots k}(x)"
    if _steps(now) > 1:
        return r"\theta_0-\theta_K(x)"
    if now.batch > 1:
        return r"\nabla_\theta\,\tfrac1B\textstyle\sum_b\ell(f_\theta(x_b),y_b)"
    return r"\nabla_\theta\,\ell(f_\theta(x),y)"


def _who(now: Scenario) -> str:
    assert isinstance(now.protocol, VFL)
    return "The parties send" if now.protocol.together > 1 else "The party sends"


def _steps(now: Scenario) -> int:
    return now.protocol.local_steps if isinstance(now.protocol, HFL) else 1


def _layer(now: Scenario) -> str:
    assert isinstance(now.protocol, VFL)
    return cuts.layer_of(now) + (", and one more linear layer," if now.protocol.size else "")


def _left_out(now: Scenario, count: int | None) -> str:
    """How many numbers these are, and that only a part of the message is looked at where that is so."""
    if now.layer:
        return f" of the layer {now.layer_name}, which is all that is read here"
    told = " and statistic" if now.protocol.sends_statistics else ""
    return told + ("" if count is None else f", {count:,} in all")
