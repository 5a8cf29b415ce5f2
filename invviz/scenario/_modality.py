"""What goes with which kind of sample: columns of a table have no neighbours as pixels have, a graph is no picture."""

from __future__ import annotations

from collections.abc import Iterator

from ..models import MODELS, Model
from ._scenario import Scenario


def modality(s: Scenario) -> Iterator[str]:
    """Parts that are made for samples of another kind."""
    kind = s.data.modality
    if not s.model.takes(kind.name) and not s.data.columns:
        yield f"{s.model.name} takes {' and '.join(f'{name}s' for name in s.model.modalities)}; {s.data.name} is a set of {kind.many}. Use {_those(MODELS, kind.name)}."
    if kind.name == "picture":
        return
    them = f"{s.data.name} is a table, whose columns have no neighbours" if s.data.columns else f"{s.data.name} is a set of {kind.many}"
    if not s.model.takes(kind.name) and s.data.columns:
        yield f"{s.model.name} looks for patterns among neighbouring pixels; {them}. Use {_those(MODELS, kind.name)}."
    if not kind.grid and (tv := getattr(s.attack, "tv", 0)) > 0:
        yield f"{s.attack.name} smooths neighbouring pixels with tv={tv:g}; {them}. Set tv=0."
    if not s.protocol.takes(kind.name):
        yield f"{s.protocol.name} cuts pictures and rows; {them}. Use protocol=hfl."
    if not s.attack.takes(kind.name):
        expects = (
            "expects neighbouring pixels to be alike"
            if s.data.columns
            else f"reads {' and '.join(f'{name}s' for name in s.attack.modalities)}"
        )
        yield f"{s.attack.name} {expects}; {them}. Use dlg{', or pca_prior(tv=0)' * bool(s.data.columns)}."
    for defense in s.defense.not_for(kind.name):
        yield f"{defense.name} works on pixels with neighbours; {them}. Use another defense."
    if s.upload:
        yield f"An upload is a picture; {s.data.name} is {'a table' if s.data.columns else f'a set of {kind.many}'}. Remove the upload, or choose a data set of pictures."


def _those(models: dict[str, type[Model]], kind: str) -> str:
    """The models that take this kind of sample, as they are written."""
    return " or ".join(f"model={name}" for name, model in models.items() if model.takes(kind)) or "another data set"
