"""Server: what does a server that lies read, and can the client notice?"""

from invviz.ui import pulse, shell
from invviz.ui.server import bar, page

shell.ensure("server")
page.arrive()
shell.head("server")
bar.controls()
pulse.part(page.draw)
