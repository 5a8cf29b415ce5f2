"""What the red team got behind defenses, in a few lines wherever they are compared otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ..studies import redteam


def draw(names: Sequence[str], data: str, model: str) -> None:
    """A folded list; nothing where the red team did not attack this data set and net.

    Args:
        names: of the defenses that are compared.
        data: text of the data set.
        model: text of the net.
    """
    study, victim = redteam.load(), redteam.alike(data, model)
    lines = redteam.beside(study, names, victim) if study and victim else []
    if lines:
        with st.expander("Against every attack: what the red team got behind these defenses"):
            st.caption(
                f"The strongest of all attacks that fit and know the defense, on fresh weights; it does not follow the controls here. {redteam.LIMIT}"
            )
            st.markdown("\n".join(f"- {line}" for line in lines))
