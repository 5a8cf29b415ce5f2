"""What goes with rows of a table, whose columns have no neighbours as pixels have."""

from __future__ import annotations

from collections.abc import Iterator

from ._scenario import Scenario


def table(s: Scenario) -> Iterator[str]:
    """Parts that are made for pictures."""
    if not s.data.columns:
        return
    rows = f"{s.data.name} is a table, whose columns have no neighbours"
    if s.model.first_layer != "linear":
        yield f"{s.model.name} looks for patterns among neighbouring pixels; {rows}. Use model=mlp."
    if (tv := getattr(s.attack, "tv", 0)) > 0:
        yield f"{s.attack.name} smooths neighbouring pixels with tv={tv:g}; {rows}. Set tv=0."
    if s.attack.for_pictures:
        yield f"{s.attack.name} expects neighbouring pixels to be alike; {rows}. Use dlg, or pca_prior(tv=0)."
    for defense in s.defense.on_pictures:
        yield f"{defense.name} works on pixels with neighbours; {rows}. Use another defense."
    if s.upload:
        yield f"An upload is a picture; {s.data.name} is a table. Remove the upload, or choose a data set of pictures."
