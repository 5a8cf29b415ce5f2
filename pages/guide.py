"""Guide: what is all this?"""

from invviz.ui import pulse, shell, state
from invviz.ui.guide import page

shell.ensure("guide")
state.read_address(page.VIEWS)
pulse.part(page.draw)
