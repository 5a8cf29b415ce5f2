"""Vertical: what does an embedding give away, layer by layer?"""

import streamlit as st

from invviz import depths
from invviz.ui import form, pulse, shell
from invviz.ui.vertical import page

shell.ensure("vertical")
page.arrive()
st.markdown("# Vertical&ensp;:gray[What does an embedding give away, layer by layer?]")
form.controls(depths.empty)
pulse.part(page.draw)
