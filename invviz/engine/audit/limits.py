"""What an audit does not show, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .findings import Findings


def limits(found: Findings) -> tuple[str, ...]:
    """What the audit does not show."""
    always = (
        "No successful attack is no evidence: stronger attacks may exist, and those tried may have been unlucky.",
        "One message of one batch at one state of the net was looked at; other batches, later rounds and what they tell together were not.",
        "The net is taken for a straight line around the records, and the records for draws of the prior: the expected best is an average, and single records may be told more of.",
        "Whether a record took part in training (membership) and what the trained net keeps of it were not tested.",
    )
    if found.risk is None or found.risk["floor"] == 0:
        return always
    floor = f"The ideal attacker is held to a noise floor of {100 * found.risk['floor']:g} % of the message, which the real message does not have."
    return (*always, floor)
