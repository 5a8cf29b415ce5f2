"""`python -m invviz.calibration`, the command that shipped files name; it does what the package invviz.studies.calibration does as a program."""

import runpy

if __name__ == "__main__":
    runpy.run_module("invviz.studies.calibration", run_name="__main__", alter_sys=True)
