"""Defend: which defense protects against an attacker who knows it?"""

import streamlit as st

from invviz.ui import form, shell, state
from invviz.ui.defend import page

shell.ensure("defend")
state.read_address(page.VIEWS)
st.markdown("#### Defend&ensp;:gray[Which defense protects against an attacker who knows it?]")
form.controls()
st.fragment(page.draw, run_every=page.POLL if st.session_state.get("polling") else None)()
