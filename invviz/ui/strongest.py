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
    study, attacked = redteam.load(), redteam.alike(data, model)
    if study and attacked and (lines := redteam.beside(study, names, attacked)):
        with st.expander("Against every attack: what the red team got behind these defenses"):
            st.caption(
                f"The strongest attack on {redteam.how_many(study, attacked)}; it does not follow the controls here. {redteam.who(study, attacked)} {redteam.LIMIT}"
            )
            st.markdown("\n".join(f"- {line}" for line in lines))
