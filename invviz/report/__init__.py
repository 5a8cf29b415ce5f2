"""Reports: results of the store as one self-contained file, to read, to send and to compute again.

`collect` reads what there is, `to_html`, `to_md`, `to_csv` and `to_json` write it; `sweep_html` writes a sweep's table without the store.
"""

from __future__ import annotations

from ._collect import Entry, Report, Spectrum, Swept, collect
from ._html import sweep_html, to_html
from ._md import to_md
from ._plain import to_csv, to_json

FORMS = {"html": to_html, "md": to_md, "csv": to_csv, "json": to_json}

__all__ = ["FORMS", "Entry", "Report", "Spectrum", "Swept", "collect", "sweep_html", "to_csv", "to_html", "to_json", "to_md"]
