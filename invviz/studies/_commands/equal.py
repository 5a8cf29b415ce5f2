"""`python -m invviz.equal`, the command that shipped files name; it does what `python -m invviz.studies.equal_cost` does."""

import runpy

if __name__ == "__main__":
    runpy.run_module("invviz.studies.equal_cost", run_name="__main__", alter_sys=True)
