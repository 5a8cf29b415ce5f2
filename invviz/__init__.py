"""invviz: see how much of private data a federated-learning update gives away, and what a defense costs.

`audit`, `audit_text`, `reconstruct`, `reconstruct_text`, `defend` and `risk` work on nets and data of one's own (docs/audit.md); they are imported when they are first used.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .core.version import __version__ as __version__

if TYPE_CHECKING:
    from .report.audit import Audit as Audit
    from .report.audit import TextAudit as TextAudit
    from .report.audit import audit as audit
    from .report.audit import audit_text as audit_text
    from .report.audit import defend as defend
    from .report.audit import reconstruct as reconstruct
    from .report.audit import reconstruct_text as reconstruct_text
    from .report.audit import risk as risk

__path__.append(
    str(Path(__file__).with_name("studies") / "_commands")
)  # shipped files name python -m invviz.gallery, .calibration and .equal

_AUDIT = ("Audit", "TextAudit", "audit", "audit_text", "defend", "reconstruct", "reconstruct_text")


def __getattr__(name: str) -> Any:
    """What is public, from where it stands; `risk` is the package of that name, which can be called."""
    if name in _AUDIT:
        return getattr(importlib.import_module(".report.audit", __name__), name)
    if name == "risk":
        return importlib.import_module(".risk", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_AUDIT, "risk"])
