"""The shipped studies: that they can be read, and that their rows are those of this code."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from seen import SITE

from invviz.core.errors import InvvizError
from invviz.engine.attack import run
from invviz.scenario import Scenario
from invviz.studies import plans as studies
from invviz.studies.plans import PLANS, Plan, Study, _make
from invviz.studies.sweep import FIGURES, Sweep, table


def made_up(rows):
    return Study(
        "x",
        "X",
        "python -m invviz.studies x",
        ("data=digits | seed=0,1",),
        {"seconds": 3},
        pd.DataFrame(rows),
        {0: "data:a"},
        {"k": "data:b"},
    )


def test_kept_and_read_again():
    rows = [
        {"defense": "none", "strength": math.nan, "accuracy": 0.123456789, "psnr_unaware": math.inf, "seed": 1},
        {"defense": "a", "strength": 0.1, "seed": 2},
    ]
    text = made_up(rows).to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    again = Study.from_json("x", text)
    assert again.rows["accuracy"][0] == pytest.approx(0.12346)
    assert again.rows["psnr_unaware"][0] == math.inf
    assert math.isnan(again.rows["accuracy"][1])
    assert set(FIGURES) <= set(again.rows)
    assert (again.truths, again.guesses, again.sweeps) == ({0: "data:a"}, {"k": "data:b"}, ("data=digits | seed=0,1",))


def test_of_another_version_is_left_out(monkeypatch):
    text = made_up([{"seed": 1}]).to_json()
    monkeypatch.setattr("invviz.studies.kept.RESULTS_VERSION", 99)
    assert Study.from_json("x", text) is None


@pytest.mark.parametrize("name", PLANS)
def test_plans_can_be_computed(name):
    for sweep in PLANS[name].parsed():
        assert all(cell.jobs and not cell.reasons for cell in sweep.cells)
        kinds = {cell.scenario.defense[-1].name for cell in sweep.cells if cell.scenario.defense}
        assert kinds
    seen = {c.scenario.defense[-1].name for sweep in PLANS[name].parsed() for c in sweep.cells if c.scenario.defense}
    assert (
        name.startswith("cifar10") or name in ("adult", "notes") or {"invl_gnp", "invl_dnp", "water_filling", "gaussian_noise"} <= seen
    )  # their spectra take too long there, and words have none
    assert len(seen) >= (4 if name in ("adult", "notes") else 5)


@pytest.mark.parametrize("name", list(studies.load()))
def test_shipped_rows_are_those_of_this_code(name):
    """A scenario, read again, has the keys under which its results were kept."""
    study = studies.load()[name]
    assert not study.rows.empty
    assert set(study.sweeps) == {s.text() for s in PLANS[name].parsed()}
    for row in study.rows.to_dict("records"):
        scenario = Scenario.parse(row["scenario"])
        assert row["key_train"] == scenario.key("train")
        for who in ("unaware", "aware"):  # aware figures of two studies stayed those of attacks that had long got better
            key = row[f"key_{who}"]
            assert key != key or key in (None, scenario.replace(attacker=who).key("run")), (
                f"{who}: `python -m invviz.studies {name} --amend` attacks it again"
            )
    known = study.rows[study.rows["state"] == "done"]
    assert known["accuracy"].between(0, 1).all()
    assert set(study.guesses) <= set(study.rows["key_unaware"].dropna()) | set(study.rows["key_aware"].dropna())


@pytest.mark.slow
def test_one_is_made(tmp_path, monkeypatch):
    from invviz.studies.plans import _make, _plans

    plan = _plans.Plan(
        "T", ("data=digits&model=mlp&attack=linear_layer&train=federated(rounds=2,clients=2) | defense=none,gaussian_noise",)
    )
    monkeypatch.setattr(_make, "PLANS", {"t": plan})
    monkeypatch.setenv("INVVIZ_STORE", str(tmp_path / "store"))
    study = _make.make("t", 1, tmp_path)
    again = Study.from_json("t", (tmp_path / "t.json").read_text())
    assert len(study.rows) == len(again.rows) == 2
    assert again.rows["accuracy"].notna().all()
    assert len(again.guesses) == 3
    from invviz.jobs.store import Store

    pd.testing.assert_series_equal(
        table(Sweep.parse(plan.sweeps[0]), Store(tmp_path / "store"))["psnr_unaware"].round(3), again.rows["psnr_unaware"].round(3)
    )


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A study of two cells with made-up figures, one of whose keys is an old one."""
    line = "data=digits&model=mlp&attack=linear_layer | defense=none,gaussian_noise(sigma=0.1) | what=unaware"
    cells = Sweep.parse(line).cells
    rows = [
        {"scenario": c.scenario.text(), "seed": 0, "key_unaware": c.keys["unaware"], "psnr_unaware": 1.0, "ssim_unaware": 0.1}
        for c in cells
    ]
    rows[0]["key_unaware"] = "old"
    plans = {"x": Plan("X", (line,))}
    for place in (studies, _make):
        monkeypatch.setattr(place, "FOLDER", tmp_path)
        monkeypatch.setattr(place, "PLANS", plans)
    (tmp_path / "x.json").write_text(made_up(rows).to_json())
    studies.load.cache_clear()
    yield tmp_path, cells
    studies.load.cache_clear()


def test_an_amended_study_has_new_figures_where_a_key_has_moved_and_the_old_ones_elsewhere(small):
    folder, cells = small
    found = _make.amend("x")
    assert list(found.rows["key_unaware"]) == [c.keys["unaware"] for c in cells]
    assert found.rows["psnr_unaware"][0] == pytest.approx(float(np.mean(run(cells[0].jobs["unaware"][1], SITE).scores["psnr"])))
    assert found.rows["psnr_unaware"][1] == 1.0 and found.facts["amended"]["attacks"] == 1 and found.facts["seconds"] == 3
    assert [path.name for path in folder.iterdir()] == ["x.json"]
    studies.load.cache_clear()
    assert _make.amend("x").facts["amended"]["attacks"] == 1, "nothing has moved since"


def test_a_study_of_other_cells_is_not_amended(small, monkeypatch):
    monkeypatch.setattr(_make, "PLANS", {"x": Plan("X", ("data=digits&model=mlp&attack=linear_layer | seed=5 | what=unaware",))})
    with pytest.raises(InvvizError, match="make it anew"):
        _make.amend("x")
