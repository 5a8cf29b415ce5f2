"""`python -m invviz.gallery`, the command that shipped files name; it does what the package invviz.studies.gallery does as a program."""

import runpy

if __name__ == "__main__":
    runpy.run_module("invviz.studies.gallery", run_name="__main__", alter_sys=True)
