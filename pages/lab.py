"""Lab: what does one update give away, and how much noise hides it?"""

from invviz.ui import cards, form, pulse, shell, stage, state

state.read_address()
shell.head("lab")
form.controls()
pulse.part(stage.draw)
cards.draw()
