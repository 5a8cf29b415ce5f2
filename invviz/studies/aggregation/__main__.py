"""`python -m invviz.studies.aggregation`: computes what is shipped, and prints the table of the documentation."""

from __future__ import annotations

import sys

from ...engine.client import Site
from . import FOLDER, prepared
from ._make import make, table

if __name__ == "__main__":
    make(Site.from_env(), lambda done, total: bool(sys.stderr.write(f"{done} of {total} noise levels\r")) or True)
    prepared.cache_clear()
    found = prepared()
    assert found is not None
    sys.stdout.write(table(found) + "\n")
    sys.stderr.write(f"in {FOLDER}\n")
