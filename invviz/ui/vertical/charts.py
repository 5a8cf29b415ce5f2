"""The Vertical page: attackers over the depth, and the spectrum behind every cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from ...charts.depth import over_depth
from ...charts.overlay import spectra
from ...risk.prior import TAU
from ...scenario.families import cuts
from .. import trouble
from ..known import Known
from . import words


def draw(shown: Sequence[Known], here: Known, unseen: float | None) -> None:
    """Two charts side by side; where there is one cut only, its spectrum alone."""
    dark = st.context.theme.type == "dark"
    if len(shown) < 2:
        _spectra(shown, here, dark)
        return
    left, right = st.columns(2, gap="medium")
    with left:
        layers = [cuts.layer_of(one.scenario) for one in shown]
        real = {cuts.called(name).lower(): [one.got.get(name) for one in shown] for name in here.attacks}
        said = "What comes back after each layer"
        st.markdown(f"### {said}")
        untold = bool(here.scenario.defense) and here.scenario.attacker == "unaware"
        chart = over_depth(layers, [one.ideal_psnr for one in shown], real, unseen, cuts.layer_of(here.scenario), dark, untold)
        st.vega_lite_chart(chart, key="over depth", alt=said)
        hollow = ", hollow because they are not told of the defense" if untold else ""
        st.caption(
            f"Dashed purple: the best guess that spectrum and noise floor allow, to first order. Orange: attacks that were run{hollow}. An attack below the purple line was "
            "held up by what it could not compute or was not told; why one may lie above it stands under the table."
        )
    with right:
        _spectra(shown, here, dark)


def _spectra(shown: Sequence[Known], here: Known, dark: bool) -> None:
    known = [one for one in shown if one.view is not None and one.view.size.rms > 0]
    if here not in known:
        st.info(trouble.plain(words.missing(here)), icon=":material/query_stats:")
        return
    curves: list[dict[str, Any]] = [
        {"name": f"after {cuts.layer_of(one.scenario)}", "part": _part(one, here, known), "values": _values(one)} for one in known
    ]
    floor = here.sigma / TAU / _rms(here)
    above = int((_values(here) > floor).sum())
    said = f"After {cuts.layer_of(here.scenario)}: {above:,} of {here.truth.size:,} directions lie above the noise floor"
    st.markdown(f"### {said}")
    st.vega_lite_chart(spectra(curves, floor, dark), key="depth spectra", alt=said)
    st.caption(
        "Singular values of every embedding's Jacobian, weighted by the prior, over that embedding's typical entry. Purple: the chosen cut; grey: the first and the last."
    )


def _part(one: Known, here: Known, known: Sequence[Known]) -> str:
    if one is here:
        return "this"
    return "most" if one is known[0] else "least" if one is known[-1] else "other"


def _values(one: Known) -> np.ndarray:
    assert one.view is not None
    gains = one.view.decomposition.gains
    return np.sqrt(gains[gains > 0]) / TAU / _rms(one)


def _rms(one: Known) -> float:
    assert one.view is not None
    return one.view.size.rms
