"""What goes with which kind of sample: columns of a table have no neighbours as pixels have, a graph is no picture."""

from __future__ import annotations

from collections.abc import Iterator

from ..attacks import ATTACKS
from ..core.component import Component
from ..core.modality import MODALITIES, PICTURE, Modality
from ..models import MODELS, Model
from ._scenario import Scenario


def modality(s: Scenario) -> Iterator[str]:
    """Parts that are made for samples of another kind."""
    kind = s.data.modality
    them = f"{s.data.name} is {kind.a_set}"
    if not s.model.takes(kind.name):
        yield f"{s.model.name} takes {made_for(s.model)}; {them}. Use {_those(MODELS, kind.name)}."
    if kind is PICTURE:
        if not s.attack.takes(kind.name):
            yield f"{s.attack.name} reads {made_for(s.attack)}; {them}. Use dlg, or a data set of {made_for(s.attack)}."
        return
    if not kind.grid and not kind.discrete and (tv := getattr(s.attack, "tv", 0)) > 0:
        yield f"{s.attack.name} smooths neighbouring pixels with tv={tv:g}; {them}. Set tv=0."
    if not s.protocol.takes(kind.name):
        yield f"{s.protocol.name} cuts pictures, rows and series; {them}. Use protocol=hfl."
    if kind.discrete and not s.attack.made_for(kind):
        yield f"{s.attack.name} reads {made_for(s.attack) or 'continuous numbers'}; {them}, which are words. Use {attacks_for(kind)}."
    elif not s.attack.takes(kind.name):
        either = (", or pca_prior" + "(tv=0)" * (not kind.grid)) * ATTACKS["pca_prior"].takes(kind.name)
        yield f"{s.attack.name} reads {made_for(s.attack)}; {them}. Use dlg{either}."
    for defense in s.defense.not_for(kind):
        works = (
            "asks how the message moves with continuous numbers"
            if kind.discrete and defense.takes(kind.name)
            else "works on pixels with neighbours"
        )
        yield f"{defense.name} {works}; {them}. Use another defense."
    if s.upload and not (s.data.columns or s.data.vocabulary):
        yield f"An upload is a picture, a sentence or a row; {them}. Remove the upload, or choose another data set."


def attacks_for(kind: Modality) -> str:
    """The attacks that are made for this kind of sample, as they are written."""
    return " or ".join(name for name, attack in ATTACKS.items() if attack.made_for(kind)) or "another data set"


def made_for(part: Component) -> str:
    """The kinds of samples that a part is made for, in words."""
    return " and ".join(MODALITIES[name].many for name in part.modalities)


def _those(models: dict[str, type[Model]], kind: str) -> str:
    """The models that take this kind of sample, as they are written."""
    return " or ".join(f"model={name}" for name, model in models.items() if model.takes(kind)) or "another data set"
