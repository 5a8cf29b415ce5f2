"""What the contract tests draw and walk lies beside them, as scripts of their own."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode does not
sys.path.insert(0, str(Path(__file__).parents[1] / "pages"))  # and visits
