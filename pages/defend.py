"""Defend: which defense protects against an attacker who knows it?"""

import streamlit as st

from invviz.scenario.families import defenses
from invviz.ui import form, pulse, shell, state
from invviz.ui.defend import page

shell.ensure("defend")
state.read_address(page.VIEWS)
st.markdown("# Defend&ensp;:gray[Which defense protects against an attacker who knows it?]")
form.controls(defenses.empty)
pulse.part(page.draw)
