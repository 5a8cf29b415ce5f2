"""Attacks: which attack is strongest, and when does it fail?"""

import streamlit as st

from invviz.scenario.families import attacks
from invviz.ui import form, more, pulse, shell, state
from invviz.ui.attacks import page, training

shell.ensure("attacks")
state.read_address(page.VIEWS)
with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
    shell.head("attacks", width="content")
    st.button(
        training.TITLE, key="to training", on_click=more.show, args=(training.PLACE,), type="tertiary", icon=":material/arrow_downward:"
    )
form.controls(attacks.empty)
pulse.part(page.draw)
