"""No page pays for PyTorch until something is computed: importing it takes seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = """
import sys
from streamlit.testing.v1 import AppTest
at = AppTest.from_file("app.py", default_timeout=60).run()
shown = {"lab": at.get("imgs") or at.image}
for page, kind in (("risk", "dataframe"), ("defend", "html"), ("curves", "html"), ("vertical", "html"), ("attacks", "html"), ("guide", "html")):
    at.switch_page(f"pages/{page}.py").run()
    assert not at.exception, page
    shown[page] = at.get(kind)
    assert not {"torch", "torchvision"} & set(sys.modules), page
assert all(shown.values()), shown
print("none")
"""


def test_first_screens_need_no_torch(store_dir):
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip().splitlines()[-1:] == ["none"], done.stderr[-2000:]
