"""Attacks: which attack is strongest, and when does it fail?"""

from invviz.scenario.families import attacks
from invviz.ui import form, pulse, shell, state
from invviz.ui.attacks import page, training

shell.ensure("attacks")
state.read_address(page.VIEWS)
shell.head("attacks", training.way)
form.controls(attacks.empty)
pulse.part(page.draw)
