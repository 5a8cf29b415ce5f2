"""Results that are there already: those that came with the package, and those in the store, each read once."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import streamlit as st

from ..jobs.store import Kind
from ..metrics import PSNR, SSIM
from ..scenario import Scenario
from ..studies import gallery, plans
from . import sources
from .session import station
from .views import RiskView, RunView, view_of

PAGES = {  # whose results are prepared, those first that keep most: pictures at many noise levels, an attack's way over time
    "risk": ("defended", "vertical", "attacks", "conditions"),
    "run": ("attacks", "defended", "vertical", "conditions"),
}
WAY = ("guess", "frame_steps", "frames", "frame_psnr", "steps", "loss")  # of an attack, step by step


def prepared(scenario: Scenario, kind: Kind, key: str = "") -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Arrays and facts of a result that came with the package, or None.

    Of an attack `guess` and its result as a worker hands it in; of a spectrum what a worker keeps of one, without what draws pictures, and instead `sigmas`
    and `ideals`, the ideal attacker's pictures at a few noise levels. `key` is the result's, where it is known already.
    """
    if scenario.upload:
        return None
    key = key or scenario.key(kind)
    for page in PAGES[kind]:
        if key in gallery.results(page):
            return gallery.results(page)[key]
    scene = _scenes(kind).get(key) if kind == "run" else None
    return None if scene is None else ({"guess": scene.arrays["guess"]}, scene.result)


def late(scenario: Scenario) -> float | None:
    """Seconds of one processor that an attack takes at least, for which reason alone it did not come with the package; None where it did, or nobody tried."""
    return None if scenario.upload else gallery.late("attacks").get(scenario.key("run"))


@functools.lru_cache(maxsize=2)
def _scenes(kind: Kind) -> dict[str, gallery.Scene]:
    """The Lab's prepared scenes by key; of several with the same key the first."""
    return {scene.scenario.key(kind): scene for scene in reversed(gallery.scenes())}


def prepared_run(scenario: Scenario) -> RunView | None:
    """An attack that came with the package, as the Lab shows it: a scene with its way, or what another page or a study kept of it."""
    if scenario.upload:
        return None
    key, nothing = scenario.key("run"), np.zeros(0)
    if scene := _scenes("run").get(key):
        return RunView(scenario, scene.result, *(scene.arrays[name] for name in WAY), prepared=True)
    if ready := prepared(scenario, "run", key):
        guess = floats(ready[0]["guess"])
        return RunView(scenario, ready[1], guess, nothing, np.zeros((0, *guess.shape), np.uint8), nothing, nothing, nothing, prepared=True)
    found = plans.kept(key)
    if found is None:
        return None
    guess = found.guess[:, : scenario.shape[0]]
    scores = {"psnr": [found.psnr], "ssim": None if np.isnan(found.ssim) else [found.ssim]}
    result = {"scores": scores, "stopped": False, "failed": False, "matching_loss": None}
    frames = np.zeros((0, *guess.shape), np.uint8)
    return RunView(scenario, result, guess, nothing, frames, nothing, nothing, nothing, prepared=True, study=found.study)


def floats(picture: np.ndarray) -> np.ndarray:
    """Prepared pictures may be bytes."""
    return picture.astype(np.float32) / 255 if picture.dtype == np.uint8 else picture


@st.cache_resource(max_entries=300, show_spinner=False)
def attacked(key: str, made: float | None, _truth: np.ndarray) -> tuple[dict[str, Any], np.ndarray] | None:
    """An attack's result by its key and the time at which it was made; one of another copy of the data set is forgotten, a damaged one set aside."""
    store = station().store
    result = store.result(key) if store.whole(key) else None
    if result is None or not sources.is_of(_truth, store, key):
        return None
    guess = store.arrays(key).get("guess")
    return None if guess is None else (result, np.array(guess))


@st.cache_resource(max_entries=40, show_spinner=False)
def stored_view(key: str, made: float | None, _truth: np.ndarray) -> RiskView | None:
    """The same of a spectrum."""
    store = station().store
    result = store.result(key) if store.whole(key) else None
    if result is None or not sources.is_of(_truth, store, key):
        return None
    spectrum = store.spectrum(key)
    return None if spectrum is None else view_of(spectrum, result, _truth)


def prepared_view(scenario: Scenario) -> RiskView | None:
    """A spectrum that came with the package, or None."""
    key = scenario.key("risk")
    for page in PAGES["risk"]:
        if key in gallery.results(page):
            return _from_gallery(page, key)
    scene = _scenes("risk").get(key)
    if scene is None:
        return None
    return RiskView(scene.decomposition, scene.size, scene.arrays["truth"], scene.ideal, trust=scene.trust)


def drawable(scenario: Scenario, truth: np.ndarray) -> RiskView | None:
    """A spectrum that came with another page, where it knows the ideal attacker's picture at this very noise; the Lab's scenes know theirs at any."""
    if scenario.upload or scenario.key("risk") in _scenes("risk"):
        return None
    view = prepared_view(scenario)
    return dataclasses.replace(view, truth=truth) if view is not None and view.can_draw(view.sigma(scenario)) else None


@st.cache_resource(max_entries=100, show_spinner=False)
def _from_gallery(page: str, key: str) -> RiskView:
    arrays, facts = gallery.results(page)[key]
    sigmas, pictures = arrays["sigmas"], arrays["ideals"]
    whole = view_of(gallery.kept_spectrum(arrays, facts["decomposition"]), facts, np.zeros(0))

    def draw(sigma: float) -> np.ndarray:
        return floats(pictures[int(np.abs(sigmas - sigma).argmin())])

    return dataclasses.replace(whole, draw=draw, levels=tuple(float(s) for s in sigmas))


@st.cache_resource(max_entries=400, show_spinner=False)
def ideal(key: str, method: str, sigma: float, _view: RiskView) -> np.ndarray:
    """The ideal attacker's picture, by all that it depends on."""
    return _view.draw(sigma).clip(0, 1)


@st.cache_data(max_entries=1_000, show_spinner=False)
def scores(key: str, method: str, sigma: float, _picture: np.ndarray, _truth: np.ndarray) -> tuple[list[float], list[float]]:
    """PSNR and SSIM of the ideal attacker's pictures, by all that they depend on."""
    return PSNR().score(_picture, _truth).tolist(), SSIM().score(_picture, _truth).tolist()
