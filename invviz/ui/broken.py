"""What is said wherever a defense is compared whose noise an attacker who knows it may solve for."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ..defended import Stack, solved_for


def draw(stacks: Sequence[Stack], here: str) -> bool:
    """A warning that names them, and whether there is one.

    Args:
        stacks: the defenses that are compared.
        here: whose attackers did not try that, in words.
    """
    found = solved_for(stacks)
    if found:
        st.markdown(
            f":material/warning: **{', '.join(found)}: no protection to rely on.** This noise lies in the directions in which the message moves with the picture, and {here} "
            "did not solve for it. The attack *Tangent search* does: on LeNet it read 129 of 130 digits exactly behind InvL-GNP and water-filling. Its border: messages shorter than twice the batch, kinks (ReLU), "
            "isotropic noise beneath that is loud beside it."
        )
    return bool(found)
