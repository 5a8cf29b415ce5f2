"""Audit: what does my own net give away of my own data?"""

from invviz.ui import pulse, shell
from invviz.ui.audit import page

shell.ensure("audit")
page.arrive()
shell.head("audit")
page.hand_over()
pulse.part(page.draw)
