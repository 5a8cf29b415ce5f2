"""The prepared story of InvL-GNP: its figures are those of its scenarios, and how far other tangents miss is measured against another way."""

from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.charts.tangent import DEPTH, TOPMOST, WIDTH, drawing, over_strength, shown
from invviz.core.pixels import as_bytes
from invviz.core.tree import flatten
from invviz.core.types import Batch
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.metrics import EXACT
from invviz.scenario import Scenario
from invviz.studies.gallery import _broken, broken

SITE = Site(None, Path("/nonexistent"), "cpu")


def test_it_is_whole_and_every_figure_has_its_scenario():
    kept = broken.load()
    assert kept is not None and len(kept.cells) == len(broken.SCALES) * len(broken.PICTURES) >= 25 and len(broken.PICTURES) >= 5
    for cell in kept.cells:
        for name, got in cell.got.items():
            isotropic = cell.energy**0.5
            assert Scenario.parse(got.scenario) == broken.scenario(name, cell.scale, *broken.PICTURES[cell.place], isotropic=isotropic)
            error = np.square(got.guess.astype(float) / 255 - kept.truths[cell.place]).mean()
            assert min(-10 * np.log10(error + 1e-12), 40) == pytest.approx(min(got.psnr, 40), abs=0.5), "picture and score"


@pytest.mark.parametrize(("attacker", "scale"), [("unaware", 1.0), ("law", 10.0), ("tangent", 10.0)])
def test_a_cell_is_what_its_scenario_gives(attacker, scale):
    torch.set_num_threads(1)
    cell = broken.load().at(scale)[1]
    kept = cell.got[attacker]
    got, guess = _broken.attacked(attacker, Scenario.parse(kept.scenario), SITE)
    assert got["exact"] == kept.exact == (attacker == "tangent")
    assert min(got["psnr"], EXACT) == pytest.approx(min(kept.psnr, EXACT), abs=0.3)
    assert np.abs(as_bytes(guess).astype(int) - kept.guess.astype(int)).mean() < 4


def test_the_ideal_attackers_figures_and_the_energy_are_those_of_the_scenario():
    cell = broken.load().at(3.0)[0]
    faced = Scenario.parse(cell.got["tangent"].scenario)
    ideal, energy = _broken.expected(faced, SITE)
    assert (ideal, energy) == (pytest.approx(cell.ideal, abs=0.05), pytest.approx(cell.energy, rel=1e-3))
    assert _broken.missed(faced, SITE) == pytest.approx(cell.missed, rel=1e-3)
    client = meet_client(faced, SITE)
    clean = flatten(client.bare(client.net, client.batch, None))
    drawn = [flatten(client.release(client.net, client.batch, torch.Generator().manual_seed(k))) - clean for k in range(24)]
    assert np.mean([float(n.norm() / clean.norm()) ** 2 for n in drawn]) == pytest.approx(energy, rel=0.25), "as drawn"


def test_the_message_lies_on_the_tangent_at_the_true_picture_and_on_no_other_nearby():
    faced = broken.scenario("tangent", 3.0, *broken.PICTURES[0])
    client = meet_client(faced, SITE)
    message = flatten(observe(faced, client).message)
    size = float(flatten(client.bare(client.net, client.batch, None)).norm())
    assert _broken.distance(client, message, client.batch.image) < 1e-12 * size
    other = client.batch.image + 0.0316 * torch.randn(client.batch.image.shape, generator=torch.Generator().manual_seed(0))
    off = _broken.distance(client, message, other.double())
    sent = lambda flat: flatten(client.bare(client.net, Batch.of(flat.reshape(1, 1, 8, 8), client.batch.label), None))  # noqa: E731
    point, step = other.double().flatten(), 1e-5
    columns = torch.stack([(sent(point + step * e) - sent(point - step * e)) / (2 * step) for e in torch.eye(64, dtype=torch.float64)], 1)
    rest = message - sent(point)
    best = torch.linalg.lstsq(columns, rest[:, None]).solution
    assert off == pytest.approx(float((rest[:, None] - columns @ best).norm()), rel=1e-4), "central differences and least squares"
    assert off > 1e-5 * size


def test_other_runs_of_today_are_not_taken_for_those_that_were_kept(monkeypatch):
    monkeypatch.setattr(broken, "keys", lambda: ["another"])
    broken.load.cache_clear()
    assert broken.load() is None
    broken.load.cache_clear()


@pytest.mark.parametrize("dark", [False, True])
def test_in_the_drawing_the_message_leaves_the_other_tangent_the_further_the_longer_the_step(dark):
    def gap(share):
        svg = drawing(share, dark)
        assert svg.startswith(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 {TOPMOST} {WIDTH} {DEPTH - TOPMOST}"')
        return float(svg.split('d="M')[1].split("V")[1].split("M")[0]) - float(svg.split('d="M')[1].split()[1].split("V")[0])

    gaps = [gap(share) for share in np.linspace(0, 1, 6)]
    assert all(a < b for a, b in zip(gaps, gaps[1:], strict=False)) and gaps[0] > 0
    assert drawing(7.0, dark) == drawing(1.0, dark), "stays inside"


def test_the_chart_draws_exact_answers_at_its_top_and_hollow_marks_for_who_does_not_know():
    from invviz.ui.defend import story_words

    spec = over_strength(story_words.lines(broken.load()), broken.SCALES, 1.0, "strength")
    text = [layer["data"]["values"][0]["text"] for layer in spec["layer"] if layer["mark"]["type"] == "text"]
    assert text[0] == "solves for the noise ↑" and len(text) == 6
    marks = [layer["mark"] for layer in spec["layer"] if layer["mark"]["type"] == "point" and layer["mark"]["size"] > 20]
    assert [m["filled"] for m in marks] == [True, True, True, True, False]
    assert shown(268.0) == 62.0 and shown(1.0) == 3.0
