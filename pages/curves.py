"""Curves: what does protection cost in accuracy?"""

from invviz.ui import pulse, shell, state, trouble
from invviz.ui.curves import page

shell.ensure("curves")
state.read_address(page.VIEWS)
shell.head("curves")
trouble.said()
pulse.part(page.draw)
