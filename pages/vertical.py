"""Vertical: what does an embedding give away, layer by layer?"""

from invviz.scenario.families import cuts
from invviz.ui import form, pulse, shell
from invviz.ui.vertical import page

shell.ensure("vertical")
page.arrive()
shell.head("vertical")
form.controls(cuts.empty)
pulse.part(page.draw)
