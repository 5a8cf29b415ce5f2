"""Entry point of `streamlit run app.py`: routes to the files in pages/ and draws nothing itself."""

from invviz.ui.shell import route

if __name__ == "__main__":
    route()
