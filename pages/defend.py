"""Defend: which defense protects against an attacker who knows it?"""

from invviz.scenario.families import defenses
from invviz.ui import form, pulse, shell, state
from invviz.ui.defend import page

shell.ensure("defend")
state.read_address(page.VIEWS)
shell.head("defend")
form.controls(defenses.empty)
pulse.part(page.draw)
