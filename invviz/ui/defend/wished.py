"""The least noises while the wish is dragged: a slider and a table that the browser draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from ...defenses import Stack
from .. import state, trouble
from ..components import noise

BOARD = "least"
LABELS = ("Defense", "Least strength", "Noise energy", "Harm to training", "Expected best there", "Formal guarantee")


@dataclasses.dataclass(frozen=True)
class Line:
    """What a defense takes to fulfil a wish.

    Attributes:
        title: of the defense.
        cells: of LABELS, from the least strength to the expected best; or one, why there is none.
        stack: to be opened; None where there is none.
        promise: its formal guarantee in short.
    """

    title: str
    cells: Sequence[str]
    stack: Stack | None
    promise: str


def draw(
    aim: str, value: float, wishes: Sequence[tuple[float, float, str]], every: Sequence[Sequence[Line]], opened: Callable[[Stack], None]
) -> None:
    """Both.

    Args:
        aim: what the wish is of.
        value: the wish.
        wishes: each that can be chosen, as an expected best in dB, in words.
        every: for each of them one line a defense, always the same defenses.
        opened: called with what a person opens.
    """
    noise.slider(
        BOARD,
        "What an ideal attacker may get on average",
        "",
        [wish for wish, _, _ in wishes],
        [words for _, _, words in wishes],
        value,
        f"{BOARD} {aim}",
        lambda wish: state.set_view("target", f"{wish:g}"),
        calm=True,
    )
    rows = [
        {
            "title": line.title,
            "promise": line.promise,
            "cells": [_cells(each[k]) for each in every],
            "opens": [each[k].stack is not None for each in every],
        }
        for k, line in enumerate(every[0])
    ]
    names = [line.title for line in every[0]]

    def told(said: object) -> None:
        title, wish = (said.get("title"), said.get("at")) if isinstance(said, dict) else (None, None)
        place = next((k for k, (one, _, _) in enumerate(wishes) if isinstance(wish, int | float) and one == wish), None)
        if place is not None and title in names and (stack := every[place][names.index(title)].stack) is not None:
            opened(stack)

    noise.asking(BOARD, "least", told, labels=list(LABELS), rows=rows, stops=[wish for wish, _, _ in wishes])


def _cells(line: Line) -> list[str]:
    return [trouble.public(words) for words in line.cells]
