"""What is said wherever a defense is compared whose noise an attacker who knows it may solve for."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ..defenses import Stack
from ..risk.solved import MOST
from ..scenario.families.defenses import solved_for


def draw(stacks: Sequence[Stack], here: str, tried: bool = False) -> bool:
    """A warning that names them, and whether there is one.

    Args:
        stacks: the defenses that are compared.
        here: whose attackers, in words.
        tried: whether those who know the defense try tangent search first, where it has something to go on (`run.answered`).
    """
    what = (
        f"who know it solve for it first only on smooth nets and for at most {MOST:,} numbers a batch (their notes say so)"
        if tried
        else "did not solve for it"
    )
    found = solved_for(stacks)
    if found:
        st.markdown(
            f":material/warning: **{', '.join(found)}: no protection to rely on.** This noise lies in the directions in which the message moves with the picture, and {here} {what}. "
            "The attack *Tangent search* does: on LeNet it read 120 of 120 digits exactly behind InvL-GNP and water-filling. Its border: messages shorter than twice the batch, kinks (ReLU), "
            "isotropic noise beneath that is loud beside it."
        )
    return bool(found)
