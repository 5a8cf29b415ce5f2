"""What a defense costs in accuracy against what it hides: points, Pareto front, privacy at a given drop of accuracy, which defense to use.

From the rows of a sweep, one row per cell (`COLUMNS`). A defense is judged by the strongest attack of the sweep, as in
`liu2024systematic` (arXiv 2402.09478): privacy of defenses at similar loss of utility against the strongest of a set of attacks.
Plain pandas and numpy.
"""

from __future__ import annotations

from ._choice import Operating, blunt, operating_point, passed_over, sentence, solvable, solved
from ._drops import DROPS, AtDrop, at_drop
from ._measures import COLUMNS, PRIVACY, SETTING, Mean, Measure, reached
from ._missing import Missing, missing
from ._points import Dot, Point, front, pareto, points
from ._seen import baselines, word_of
from ._strongest import settings, strongest
from ._volume import Reference, Volume, hypervolume, reference, volumes

__all__ = [
    "COLUMNS",
    "DROPS",
    "PRIVACY",
    "SETTING",
    "AtDrop",
    "Dot",
    "Mean",
    "Measure",
    "Missing",
    "Operating",
    "Point",
    "Reference",
    "Volume",
    "at_drop",
    "baselines",
    "blunt",
    "front",
    "hypervolume",
    "missing",
    "operating_point",
    "pareto",
    "passed_over",
    "points",
    "reached",
    "reference",
    "sentence",
    "settings",
    "solvable",
    "solved",
    "strongest",
    "volumes",
    "word_of",
]
