"""Results: what has been computed here?"""

from invviz.ui import pulse, shell, state, trouble
from invviz.ui.results import page

shell.ensure("results")
state.read_address(page.VIEWS)
shell.head("results")
trouble.said()
pulse.part(page.draw)
