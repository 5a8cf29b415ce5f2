"""How much is told, in a word: of the most exposed record where the spectrum ranks them; of their mean where it is a sketch, unless a record is known to be told more of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...metrics import EXACT, WORDS, word_of_share
from .findings import BY_MEAN, BY_ONE, BY_RECORD, GUESSED, READ, Exposure, Verdict

UNKNOWN = "not known"


def verdict(records: Sequence[Exposure], risk: dict[str, Any] | None) -> Verdict:
    """The verdict.

    Args:
        records: what is told of each.
        risk: figures of the spectrum; None where there is none.
    """
    read = next((row for row in records if (row.attacked_psnr or -math.inf) >= EXACT), None)
    if risk is not None and risk["method"] == "sketch":
        most = read or max(records, key=lambda row: row.ideal_share)
        least = word_of_share(most.ideal_share)
        if read or WORDS.index(least) > WORDS.index(word_of_share(risk["invre_interval"][1])):
            return Verdict(BY_ONE, READ if read else least, most.record, most.ideal_psnr, most.ideal_share)
        return Verdict(BY_MEAN, _of_mean(risk), None, risk["psnr_ceiling"], risk["invre"])
    known = [row for row in records if row.ideal_word != GUESSED] or list(records)
    worst = max(known, key=lambda row: -math.inf if math.isnan(row.ideal_psnr) else row.ideal_psnr)
    row = read or worst
    return Verdict(BY_RECORD, READ if read else row.ideal_word, row.record, *((row.ideal_psnr, row.ideal_share) if risk else (None, None)))


def _of_mean(risk: dict[str, Any]) -> str:
    """In a word, or from which to which word the interval of InvRE reaches."""
    low, high = (word_of_share(end) for end in risk["invre_interval"])
    if (low, high) == (WORDS[0], WORDS[-1]):
        return UNKNOWN
    return low if low == high else f"{low} to {high}"
