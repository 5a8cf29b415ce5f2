"""Entry point of `streamlit run app.py`: routes to the files in pages/ and draws nothing itself, but for a word while the first visitor waits."""

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
