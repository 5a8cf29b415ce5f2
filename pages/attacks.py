"""Attacks: which attack is strongest, and when does it fail?"""

import streamlit as st

from invviz import lineup
from invviz.ui import form, pulse, shell, state
from invviz.ui.attacks import page, training

shell.ensure("attacks")
state.read_address(page.VIEWS)
st.markdown("# Attacks&ensp;:gray[Which attack is strongest, and when does it fail?]&ensp;" + training.LINK)
form.controls(lineup.empty)
pulse.part(page.draw)
