"""Entry point of `streamlit run app.py`: routes to the files in pages/ and draws nothing itself, but for a word while the first visitor waits.

Streamlit imports this file once, for the server (`app`), and runs it for every visitor.
"""

import sys

if __name__ == "__main__":
    if "invviz.ui.shell" not in sys.modules:  # the first visit of a server's life: importing takes seconds
        import streamlit as st

        word = st.empty()
        word.caption("Starting ...")
        from invviz.ui.shell import route

        word.empty()
    from invviz.ui.shell import route

    route()
else:
    from starlette.middleware import Middleware
    from streamlit.starlette import App

    from invviz.ui.gateway import Gateway

    app = App(__file__, middleware=[Middleware(Gateway)])
