"""One colour per role, on every page; colour-blind safe (Okabe-Ito and one purple), legible on light and dark."""

from __future__ import annotations

TRUTH = "#8A8F98"
IDEAL = "#7B4EA3"
REAL = "#D55E00"
DEFENSE = "#0072B2"
PALE = "#C9B8DB"
