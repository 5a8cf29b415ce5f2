"""Risk: which pictures, models and directions are exposed, without running any attack?"""

from invviz.scenario.families import comparisons
from invviz.ui import form, pulse, shell, state
from invviz.ui.risk import page

shell.ensure("risk")
state.read_address(page.VIEWS, page.OPENING)
shell.head("risk")
form.controls(comparisons.empty)
pulse.part(page.draw)
page.below()
