"""Which defense to use where only so much accuracy may be lost, among what was tried, and saying so."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ...core.component import parse_component
from ...defenses import DEFENSES
from ._measures import NONE, Table, measure_of, shares
from ._points import Point, points

ROUNDING = 1e-9  # 0.81 - 0.80 is more than 0.01 in floating point


@dataclasses.dataclass(frozen=True)
class Operating:
    """The defense and strength to use.

    Attributes:
        point: the one with the smallest measure among those whose mean drop is within the budget.
        runner_up: the best one within the budget that is not of this defense; "none" is one of them. None where there is no other.
        clear: whether the interval of the point ends below where that of the runner-up begins (stricter than a test of their difference);
            None where one of them has no interval.
        sure: whether the interval of the drop ends within the budget; None without an interval.
        budget: accuracy that may be lost, share.
        passed_over: the best point within the budget that gives away less and is not to be relied on (`solvable`); None where there is none.
    """

    point: Point
    runner_up: Point | None
    clear: bool | None
    sure: bool | None
    budget: float
    passed_over: Point | None = None


def solvable(defense: str) -> bool:
    """Whether an attacker who knows a defense may solve for its noise (theory T11), by its label: what was measured then says little of such an attacker.

    Example:
        >>> [solvable(label) for label in ("invl_gnp(reuse=10)", "clipping + water_filling", "invl_gnp(isotropic=1.0)", "none")]
        [True, True, False, False]
    """
    last = defense.split(" + ")[-1]
    return last.split("(")[0] in DEFENSES and parse_component(last, DEFENSES, "defense").tangent_noise


def solved(rows: Table, measure: str) -> bool:
    """Whether a measure is of attacks among which is the one that solves for such noise."""
    return measure_of(measure).attacked and measure != "unaware" and bool(rows["attack"].astype(str).str.startswith("tangent").any())


def operating_point(rows: Table, measure: str, budget: float, known: Sequence[Point] | None = None) -> Operating | None:
    """What to use where at most so much accuracy may be lost: of the points that were tried the one that gives away least.

    Ties go to the larger accuracy. Defenses whose noise may be solved for (`solvable`) are passed over, unless the measure is of attacks that know
    the defense and the one that solves for it (tangent) was among them. The smallest of many noisy means is a little too good: its interval does not know that it was chosen.

    Args:
        rows: of a sweep of one setting, with COLUMNS.
        measure: one of PRIVACY.
        budget: accuracy that may be lost on average over seeds, share in [0, 1].
        known: the `points` of these rows, where they were made before.

    Returns:
        None where no defense within the budget that can be relied on gives away less than no defense does.

    Raises:
        InvvizError: as in `points`, or a budget that is no share.
    """
    shares([budget], "A budget")
    within = sorted(
        (p for p in (points(rows, measure) if known is None else known) if p.drop.value <= budget + ROUNDING),
        key=lambda p: (p.value.value, -p.accuracy.value, p.defense != NONE),
    )
    tried = solved(rows, measure)
    fit = [p for p in within if tried or not solvable(p.defense)]
    bare = next((p for p in fit if p.defense == NONE), None)
    if not fit or fit[0].defense == NONE or (bare and fit[0].value.value >= bare.value.value):
        return None
    best = fit[0]
    second = next((p for p in fit if p.defense != best.defense), None)
    clear = sure = None
    if second and best.value.interval and second.value.interval:
        clear = best.value.interval[1] < second.value.interval[0]
    if best.drop.interval:
        sure = best.drop.interval[1] <= budget + ROUNDING
    lower = within[0] if within[0] != best and within[0].value.value < best.value.value else None
    return Operating(best, second, clear, sure, budget, lower)


def sentence(found: Operating | None, budget: float, titles: Mapping[str, str] | None = None) -> str:
    """What `operating_point` found, in words.

    Args:
        found: its answer; None too.
        budget: what it was asked for.
        titles: of defenses, by label; a label without one stands as it is.
    """
    start = f"At most {_points(budget)} of accuracy: "
    if found is None:
        return f"{start}no defense that was tried and can be relied on gives away less than no defense does."
    best, second = found.point, found.runner_up
    words = (
        f"{start}{_label(best, titles)}: {measure_of(best.measure).says} {_said(best)} and accuracy is {100 * best.accuracy.value:.1f} %"
    )
    if found.sure is False and best.drop.interval:
        words += f" (the loss may be up to {_points(best.drop.interval[1])})"
    if second:
        than = f"{_label(second, titles)} ({_said(second)})"
        if found.clear is None:
            words += f"; one seed cannot tell whether that is better than {than}"
        else:
            words += f"; {'clearly' if found.clear else 'not clearly'} better than {than}"
    return f"{words}." + ("" if best.whole else " Not all of its cells are done.")


def passed_over(found: Operating | None, titles: Mapping[str, str] | None = None) -> str:
    """Which point gave away less and is not to be used, in words; empty where there is none. Arguments as of `sentence`."""
    if found is None or found.passed_over is None:
        return ""
    over = found.passed_over
    return (
        f"{_label(over, titles)} gave away less ({_said(over)}) and is passed over: who knows it may solve for its noise (Tangent search)."
    )


def blunt(found: Sequence[Point], word: str) -> str:
    """That the attack fails without any defense, in words; empty where it does not, or where the measure is not the PSNR of an attack.

    Such a plane shows what defenses cost and not what they protect: a failed attack is no proof of safety.

    Args:
        found: from `points`.
        word: for the undefended point (`word_of`): the attack fails where it is "hidden", no better than without a message.
    """
    bare = next((p for p in found if p.defense == NONE), None)
    kind = measure_of(bare.measure) if bare else None
    if bare is None or kind is None or not kind.attacked or kind.unit != "dB" or word != "hidden":
        return ""
    return (
        f"Without any defense {kind.says} {_said(bare)}: no more than somebody has who sees no message. It fails by itself, so this plane shows what defenses cost, not what they protect. "
        "That an attack fails does not make the data safe."
    )


def _points(share: float) -> str:
    """A share of accuracy in points."""
    text = f"{100 * share:.3g}"
    return f"{text} {'point' if text == '1' else 'points'}"


def _label(point: Point, titles: Mapping[str, str] | None) -> str:
    """Title of the defense and its strength."""
    return point.label.replace(point.defense, (titles or {}).get(point.defense, point.defense), 1)


def _said(point: Point) -> str:
    """The value with its unit and interval."""
    kind, mean = measure_of(point.measure), point.value
    value = f"{mean.value:{kind.format}}{' ' * bool(kind.unit)}{kind.unit}"
    return value if mean.interval is None else f"{value} [{mean.interval[0]:{kind.format}} to {mean.interval[1]:{kind.format}}]"
