"""Where things lie beside the package."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # holds invviz/, pages/, assets/ and docs/
GALLERY = ROOT / "assets" / "gallery"  # what was computed before anybody asked
