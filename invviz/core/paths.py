"""Where things lie: beside the package in a checkout, inside of it where it was installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_INSIDE = _PACKAGE / "_beside"  # a wheel has it
IMPORTS = _PACKAGE.parent  # a process that has this on its path finds this very package
ROOT = _INSIDE if _INSIDE.is_dir() else IMPORTS  # holds app.py, pages/ and assets/
GALLERY = ROOT / "assets" / "gallery"  # what was computed before anybody asked
