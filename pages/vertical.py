"""Vertical: what does an embedding give away, layer by layer?"""

import streamlit as st

from invviz.scenario.families import cuts
from invviz.ui import form, pulse, shell
from invviz.ui.vertical import page

shell.ensure("vertical")
page.arrive()
st.markdown("# Vertical&ensp;:gray[What does an embedding give away, layer by layer?]")
form.controls(cuts.empty)
pulse.part(page.draw)
