"""The formulas of assets/noise in Chromium against Python's on one fixture."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from noise_cases import SHOWN, SIGMAS, STOPS, view

from invviz.core.pixels import as_bytes
from invviz.metrics import tells
from invviz.risk import ideal, invre, k_star, psnr_ceiling
from invviz.ui.components import table

pytestmark = pytest.mark.browser
FOLDER = Path(__file__).parents[2] / "assets" / "noise"
RUN = """async ([formulas, reader, bytes, sigmas]) => {
  const load = text => import("data:text/javascript;base64," + text)
  const f = await load(formulas), { table } = await load(reader), raw = Uint8Array.from(atob(bytes), c => c.charCodeAt(0))
  const shifted = new Uint8Array(raw.length + 3)
  shifted.set(raw, 3) // numbers need not begin where numbers may begin
  const t = table(shifted.subarray(3))
  return sigmas.map(s => ({ ...f.figures(t, s), above: f.above(t.gains, s), tells: f.tells(f.figures(t, s).invre), picture: [...f.picture(t, s, new Uint8Array(t.numbers))] }))
}"""


def text(name):
    return base64.b64encode((FOLDER / name).read_bytes()).decode()


@pytest.fixture(scope="module")
def blank(browser):
    page = browser.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (2, 1, 8, 8)])
def test_figures_and_pictures_are_pythons(blank, shape):
    """InvRE, expected best, its word and the count of directions exactly; pictures within one of 255, at the kept levels to the byte."""
    v = view(shape)
    d, data = v.decomposition, table.made(v, STOPS, SHOWN, "noise").data
    kept = np.geomspace(SIGMAS[0], SIGMAS[-1], table.LEVELS)
    sigmas = [
        *SIGMAS,
        *kept,
        1e-7,
        0.0,
        1e4,
        *(float(g) ** 0.5 for g in d.gains[3:9]),
    ]  # beyond both ends, and where the floor meets a direction
    found = blank.evaluate(RUN, [text("formulas.js"), text("table.js"), base64.b64encode(data).decode(), [float(s) for s in sigmas]])
    assert len(found) == len(sigmas)
    for sigma, one in zip(sigmas, found, strict=True):
        assert one["invre"] == pytest.approx(invre(d, sigma), abs=1e-12) and one["ceiling"] == pytest.approx(
            psnr_ceiling(d, sigma), abs=1e-9
        )
        assert one["above"] == k_star(d, sigma) and one["tells"] == tells(invre(d, sigma))
    for sigma, one in list(zip(sigmas, found, strict=True))[: len(SIGMAS) + len(kept)]:
        off = np.abs(np.array(one["picture"]) - as_bytes(ideal(d, sigma)).ravel().astype(int))
        assert off.max() <= 1
        if sigma in kept:
            assert (off > 0).mean() < 0.02, "rounding alone"


def test_words_change_where_pythons_do(blank):
    limits = [1 - 10 ** (-gain / 10) for gain in (1.0, 6.0, 10.0)]
    shares = [0.0, 1.0, *(limit + step for limit in limits for step in (-1e-9, 1e-9))]
    words = blank.evaluate("async ([formulas, shares]) => { const f = await import('data:text/javascript;base64,' + formulas); return shares.map(f.tells) }", [text("formulas.js"), shares])  # fmt: skip
    assert words == [tells(s) for s in shares] and len(set(words)) == 4
