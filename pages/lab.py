"""Lab: what does one update give away, and how much noise hides it?"""

import streamlit as st

from invviz.ui import cards, form, pulse, stage, state

state.read_address()
st.markdown("# invviz&ensp;:gray[What does one update give away, and how much noise hides it?]")
form.controls()
pulse.part(stage.draw)
cards.draw()
