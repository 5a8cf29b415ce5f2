"""Lab: what does one update give away, and how much noise hides it?"""

import streamlit as st

from invviz.ui import cards, form, stage, state

state.read_address()
st.markdown("#### invviz&ensp;:gray[What does one update give away, and how much noise hides it?]")
form.controls()
st.fragment(stage.draw, run_every=stage.POLL if st.session_state.get("polling") else None)()
cards.draw()
