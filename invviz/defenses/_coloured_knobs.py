"""Knobs that several defenses of coloured noise have."""

from __future__ import annotations

from typing import Any

from ..core.component import knob


def isotropic_knob() -> Any:
    """How much of the noise has no shape that could tell of the picture."""
    return knob(
        0.0,
        "share of the noise's energy that is isotropic (normal noise on every entry); 0: as published, and an attacker may solve for it; 1: plain Gaussian noise",
        low=0.0,
        high=1.0,
        late=True,
    )


def reuse_knob() -> Any:
    """For how many messages the directions serve."""
    return knob(
        1,
        "messages that directions, once found, serve; those of an earlier net fit a little less, those of another picture less again",
        low=1,
        high=1_000_000,
        unit="messages",
    )
