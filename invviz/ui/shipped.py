"""What came with the package: the Lab's scenes, what pages and studies keep, sketches; found by key, for every page the same. Asked through `lookup`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..jobs.store import Kind
from ..scenario import Scenario
from ..studies import gallery, plans
from .memory import Memory
from .views import Portrait, RiskView, RunView, view_of

PAGES = {  # whose results are prepared, those first that keep most: pictures at many noise levels, an attack's way over time
    "risk": ("defended", "vertical", "attacks", "conditions"),
    "run": ("attacks", "defended", "vertical", "conditions", "servers"),
    "inspect": ("servers",),
}
WAY = ("guess", "frame_steps", "frames", "frame_psnr", "steps", "loss")  # of an attack, step by step
NOWHERE = (np.inf,)  # noise levels of a spectrum whose pictures were not kept

_views: Memory[Any] = Memory(200)  # a few hundred kilobytes each


def results(scenario: Scenario, kind: Kind) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Arrays and facts of a result that a page keeps, or None.

    Of an attack `guess`, its `curve` over time where that was kept, and its result as a worker hands it in; of a spectrum what a worker keeps of one, without what
    draws pictures, and instead `sigmas` and `ideals`, the ideal attacker's pictures at a few noise levels.
    """
    if scenario.upload:
        return None
    key = scenario.key(kind)
    return next((found for page in PAGES[kind] if (found := gallery.results(page).get(key)) is not None), None)


def late(scenario: Scenario) -> float | None:
    """Seconds of one processor that an attack takes at least, for which reason alone it did not come with the package; None where it did, or nobody tried."""
    return None if scenario.upload else gallery.late("attacks").get(scenario.key("run"))


def attack(scenario: Scenario, studies: bool = True) -> RunView | None:
    """An attack: a scene with its way, or picture and facts that a page kept, or, where `studies` says so, picture and scores that a study kept."""
    if scenario.upload:
        return None
    key = scenario.key("run")
    if scene := _scenes("run").get(key):
        return RunView(scenario, scene.result, *(scene.arrays[name] for name in WAY), prepared=True)
    if ready := results(scenario, "run"):
        guess = _views.of(("guess", key), lambda: floats(ready[0]["guess"]))
        return _without_way(scenario, ready[1], guess)
    found = plans.kept(key) if studies else None
    if found is None:
        return None
    scores = {"psnr": [found.psnr], "ssim": None if np.isnan(found.ssim) else [found.ssim]}
    result = {"scores": scores, "stopped": False, "failed": False, "matching_loss": None}
    return _without_way(scenario, result, found.guess[:, : scenario.shape[0]], found.study)


def _without_way(scenario: Scenario, result: dict[str, Any], guess: np.ndarray, study: str = "") -> RunView:
    nothing, frames = np.zeros(0), np.zeros((0, *guess.shape), np.uint8)
    return RunView(scenario, result, guess, nothing, frames, nothing, nothing, nothing, prepared=True, study=study)


def spectrum(scenario: Scenario, truth: Any = None, plain: bool = False, whole: bool = False) -> RiskView | None:
    """A spectrum, where what was kept of it is all that is shown.

    Args:
        scenario: whose risk can be computed.
        truth: its batch, or what reads it, or None.
        plain: figures are enough, else the ideal attacker's picture at this very noise is wanted.
        whole: with all directions and maps, which the Lab's scenes alone have.
    """
    if scenario.upload:
        return None
    key = scenario.key("risk")
    if scene := _scenes("risk").get(key):  # first: it has pictures at every noise, where a page keeps those of a few
        return _views.of(("scene", key), lambda: _of_scene(scene))
    if not whole:
        for page in PAGES["risk"]:
            if key in gallery.results(page):
                view = _views.of((page, key, truth is not None), lambda page=page: _of_page(page, key, truth))
                if plain or view.can_draw(view.sigma(scenario)):
                    return view
    if plain and key in gallery.sketches():
        return _views.of(("sketch", key), lambda: view_of(*gallery.sketches()[key], np.zeros(0), NOWHERE))
    return None


def _scenes(kind: Kind) -> dict[str, gallery.Scene]:
    """The Lab's prepared scenes by key; of several with the same key the first."""
    return _views.of(("scenes", kind), lambda: {scene.scenario.key(kind): scene for scene in reversed(gallery.scenes())})


def _of_scene(scene: gallery.Scene) -> RiskView:
    portrait = Portrait(scene.known, scene.direction, scene.arrays["direction_indices"])
    return RiskView(scene.decomposition, scene.size, scene.arrays["truth"], scene.ideal, portrait, trust=scene.trust)


def _of_page(page: str, key: str, truth: np.ndarray | Callable[[], np.ndarray] | None) -> RiskView:
    arrays, facts = gallery.results(page)[key]
    sigmas, pictures = arrays["sigmas"], arrays["ideals"]
    batch = truth() if callable(truth) else np.zeros(0) if truth is None else truth

    def draw(sigma: float) -> np.ndarray:
        return floats(pictures[int(np.abs(sigmas - sigma).argmin())])

    return view_of(gallery.kept_spectrum(arrays, facts["decomposition"]), facts, batch, tuple(float(s) for s in sigmas), draw)


def floats(picture: np.ndarray) -> np.ndarray:
    """Prepared pictures may be bytes."""
    return picture.astype(np.float32) / 255 if picture.dtype == np.uint8 else picture
