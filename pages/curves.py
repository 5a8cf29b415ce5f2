"""Curves: what does protection cost in accuracy?"""

import streamlit as st

from invviz.ui import pulse, shell, state, trouble
from invviz.ui.curves import page

shell.ensure("curves")
state.read_address(page.VIEWS)
st.markdown("# Curves&ensp;:gray[What does protection cost in accuracy?]")
trouble.said()
pulse.part(page.draw)
