"""Lab: what does one update give away, and how much noise hides it?"""

import streamlit as st

from invviz.ui import cards, form, sources, stage, state, trouble

state.read_address()
st.markdown("#### invviz&ensp;:gray[What does one update give away, and how much noise hides it?]")
form.controls()
with trouble.shown():
    busy = sources.is_busy(state.scenario())
    st.fragment(stage.draw, run_every=stage.POLL if busy else None)()
cards.draw()
