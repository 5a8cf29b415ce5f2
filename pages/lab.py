"""Lab: what does one update give away, and how much noise hides it?"""

from invviz.ui import cards, form, pulse, shell, stage, state
from invviz.ui.guide import invitation

state.read_address()
shell.head("lab")
invitation.draw()
form.controls()
pulse.part(stage.draw)
cards.draw()
