"""Sweeps without workers: texts to cells, cells to jobs, jobs to a table; results are made up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invviz.core.errors import InvvizError, KnobError, TextError
from invviz.jobs.store import Store, _queue
from invviz.scenario import Scenario
from invviz.studies.sweep import WHAT, Axis, Sweep, asked, estimate, progress, queue, table, watcher
from invviz.studies.sweep._grid import MOST, expanded, split
from invviz.studies.sweep._local import GUESS
from invviz.studies.sweep._rows import FIGURES, WORDS, label

TINY = "data=digits&model=mlp&attack=linear_layer&train=federated(rounds=3,clients=2)"
STEPS = "defense=none,gaussian_noise(sigma=0.01..1/3)"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def sweep(*axes: str, what=WHAT, base: str = TINY) -> Sweep:
    return Sweep.of(base, axes, what)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("seed=0..3", ("0", "1", "2", "3")),
        ("seed=3, 1,3", ("3", "1")),
        ("train.alpha=0.1..10/3", ("0.1", "1", "10")),
        ("train.alpha=1e1..1e-1/3", ("10", "1", "0.1")),
        ("data.index=0..1,7", ("0", "1", "7")),
        ("defense=none,clipping+gaussian_noise(sigma=.1..1/2)", ("none", "clipping+gaussian_noise(sigma=0.1)", "clipping+gaussian_noise(sigma=1)")),
        ("train=federated(rounds=1..2,clients=2..3)", tuple(f"federated(rounds={r},clients={c})" for r in (1, 2) for c in (2, 3))),
        ("attack=dlg(labels='known'),linear_layer", ("dlg(labels='known')", "linear_layer")),
    ],
)  # fmt: skip
def test_an_axis_is_read_and_written(text, values):
    axis = Axis.parse(text)
    assert axis.values == values
    assert Axis.parse(axis.text()) == axis


@given(low=st.floats(1e-6, 1e6), ratio=st.floats(1e-3, 1e3), count=st.integers(2, 40))
def test_a_log_grid_has_equal_ratios_and_both_ends(low, ratio, count):
    found = np.array([float(v) for v in expanded(f"{low!r}..{low * ratio!r}/{count}")])
    assert len(found) == count
    assert found == pytest.approx(low * ratio ** (np.arange(count) / (count - 1)), rel=2e-3)  # four digits are written


@given(first=st.integers(-1000, 1000), more=st.integers(0, 200))
def test_a_range_holds_every_whole_number(first, more):
    assert expanded(f"seed({first}..{first + more})") == [f"seed({n})" for n in range(first, first + more + 1)]


@given(st.lists(st.text("ab=,|+()'\"1 ", max_size=12).filter(lambda s: not set(s) & set("()'\"") and "," not in s), min_size=1, max_size=5))
def test_split_cuts_only_outside_of_parentheses_and_quotes(parts):
    assert split(",".join(parts), ",") == parts
    for opening, closing in ("()", "''", '""'):
        wrapped = [f"{opening}{part},{part}{closing}" for part in parts]
        assert split(",".join(wrapped), ",") == wrapped
    assert split("f(a='(,',b=(1,2)),g", ",") == ["f(a='(,',b=(1,2))", "g"]


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        (["seed"], "cannot read the axis 'seed'"),
        (["seed="], "cannot read the axis 'seed='"),
        (["seed=1,,2"], "empty value"),
        (["colour=red"], "'colour' cannot be varied; known: data, model, .*knobs as in train.alpha"),
        (["colour.hue=1"], "'colour.hue' cannot be varied"),
        (["model=lenett"], "unknown model 'lenett'"),
        (["defense=gaussian_noise(sgima=1)"], "unknown knob 'sgima' of gaussian_noise"),
        (["train.alhpa=1"], "federated has no knob 'alhpa'; it has clients"),
        (["defense.sigma=1"], r"no defense of this scenario \(none\) has a knob 'sigma'"),
        (["seed=x"], "seed='x'"),
        (["seed=-2..0"], "seed=-2 is out of range"),
        (["train.alpha=0..1/3"], "is no grid: LOW..HIGH/COUNT"),
        (["train.alpha=1..2/1"], "is no grid"),
        (["seed=3..1"], "is no range: FIRST..LAST"),
        (["seed=0..99999999"], "is no range"),
        (["seed=0,1", "seed=2"], "an axis is named twice in seed, seed"),
        (["seed=0..200", "data.index=0..200"], "a sweep of 40,401 cells; at most 20,000"),
        (["upload=abc"], "'upload' cannot be varied"),
        (["attacker=aware,unaware"], "'attacker' cannot be varied"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_words(axes, words):
    with pytest.raises(TextError, match=words):
        sweep(*axes)


def test_unknown_what_and_uploads_are_refused():
    with pytest.raises(TextError, match="unknown 'trian' in what=; known: train, unaware, aware, risk"):
        sweep("seed=0", what=["trian"])
    with pytest.raises(TextError, match="private"):
        sweep("seed=0", base=TINY + "&upload=0123456789abcdef")
    assert issubclass(KnobError, InvvizError) and MOST == 20_000


def test_values_land_where_they_belong():
    found = sweep("seed=1", "defense.sigma=2,3", "defense=gaussian_noise,clipping+gaussian_noise+pruning", "data.index=4").cells
    assert [[d.name for d in c.scenario.defense] for c in found] == [["gaussian_noise"]] * 2 + [
        ["clipping", "gaussian_noise", "pruning"]
    ] * 2
    assert [next(d.sigma for d in c.scenario.defense if d.name == "gaussian_noise") for c in found] == [2, 3, 2, 3]
    assert {(c.scenario.seed, c.scenario.data.index) for c in found} == {(1, 4)}
    assert found[1].values == {"seed": "1", "defense": "gaussian_noise", "defense.sigma": "3", "data.index": "4"}
    quoted = sweep("train.split=iid,dirichlet", "attack.labels='known','unknown'", base=TINY.replace("linear_layer", "dlg")).cells
    assert [(c.scenario.train.split, c.scenario.attack.labels) for c in quoted][1] == ("iid", "unknown")


AXES = st.lists(
    st.sampled_from(
        [
            "seed=0..2", "batch=1,2", STEPS, "train.alpha=0.1..1/2", "data.index=0..1", "train.split='iid','dirichlet'",
            "attack=linear_layer,dlg(labels='unknown')", "floor=0.001..1/3", "prior=white,natural", "model=mlp,lenet(width=4)",
        ]
    ),
    unique_by=lambda text: text.partition("=")[0],
    max_size=3,
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(axes=AXES, what=st.sets(st.sampled_from(WHAT), min_size=1))
def test_a_sweep_is_one_line_of_text(axes, what):
    first = sweep(*axes, what=tuple(what))
    again = Sweep.parse(first.text())
    assert again == first and again.key == first.key
    assert [c.scenario for c in again.cells] == [c.scenario for c in first.cells]
    assert [c.keys for c in again.cells] == [c.keys for c in first.cells]
    assert len(first.cells) == math.prod(len(axis.values) for axis in first.axes)


def test_the_command_is_read_as_it_is_written():
    import shlex

    from invviz.cli import parser

    first = sweep("attack=linear_layer,dlg(labels='unknown')", STEPS, what=("train", "risk"))
    words = shlex.split(first.command())
    assert words[:4] == ["python", "-m", "invviz", "sweep"]
    args = parser().parse_args(words[3:])
    assert Sweep.of(args.scenario, args.axes, args.what.split(",")) == first


def test_jobs_of_cells():
    plain, noisy = sweep("defense=none,gaussian_noise").cells
    assert list(plain.jobs) == ["train", "unaware", "risk"] and list(noisy.jobs) == list(WHAT)
    assert {name: kind for name, (kind, _) in noisy.jobs.items()} == {"train": "train", "unaware": "run", "aware": "run", "risk": "risk"}
    assert noisy.jobs["aware"][1].attacker == "aware" and noisy.jobs["unaware"][1].attacker == "unaware"
    assert len(set(noisy.keys.values())) == 4
    assert plain.keys["risk"] == noisy.keys["risk"], "noise enters the spectrum in closed form"
    assert plain.keys["train"] != noisy.keys["train"]
    assert list(sweep("defense=gaussian_noise", what=("aware", "train")).cells[0].jobs) == ["train", "aware"]


@pytest.mark.parametrize("axis", ["data.index=0..4", "attack=linear_layer,dlg", "floor=0.01,1", "prior=white,natural"])
def test_a_net_is_trained_once_for_all_victims_and_attacks(axis):
    found = sweep(axis, "defense=gaussian_noise", base=TINY)
    assert len({cell.keys["train"] for cell in found.cells}) == 1
    assert sum(kind == "train" for kind, _ in asked(found)) == 1
    for other in ("seed=0,1", "batch=1,2", "train.alpha=0.1,1", "defense=gaussian_noise,none", "model=mlp,lenet"):
        if not other.startswith("defense"):
            assert len({cell.keys.get("train") for cell in sweep(other).cells}) == 2, other


def test_trainings_go_first_and_nothing_is_asked_twice():
    jobs = asked(sweep("data.index=0..1", STEPS))
    assert [kind for kind, _ in jobs] == ["train"] * 4 + ["risk"] * 2 + ["run"] * 14
    assert len({scenario.key(kind) for kind, scenario in jobs}) == len(jobs)


def test_what_does_not_fit_has_a_reason_and_the_rest_is_computed():
    cell = sweep("model=lenet").cells[0]
    assert list(cell.jobs) == ["train", "risk"]
    assert "Use model=mlp" in cell.reasons["unaware"] and list(cell.reasons) == ["unaware"]
    nothing = sweep("train=federated(clients=2,sampled=3)", what=("train",)).cells[0]
    assert not nothing.jobs and "Lower sampled" in nothing.reasons["train"]


def trained(accuracy: float) -> dict:
    return {"accuracy": accuracy, "best": accuracy + 0.1, "seconds": 2.0}


def attacked(psnr: list, **more) -> dict:
    return {"scores": {"psnr": psnr, "ssim": [0.5]}, "seconds": 1.0, **more}


def compute(store: Store, key: str, result: dict | None = None, error: str = "") -> None:
    """One job, as a worker would."""
    job = store.claim("w", keys=[key])
    assert job and job.key == key
    assert store.finish(job, result) if result is not None else store.fail(job, error, "Traceback ...")


def test_the_table_says_what_became_of_every_cell(store):
    some = sweep("attack=linear_layer,dlg", "model=mlp,lenet", STEPS, what=("train", "unaware", "aware"), base=TINY)
    assert set(table(some, store).state) == {"waiting"}, "nobody has asked yet"
    queue(some, store)
    cells = {(c.values["attack"], c.values["model"], c.values["defense"]): c for c in some.cells}
    plain, weak = cells["linear_layer", "mlp", "none"], cells["linear_layer", "mlp", "gaussian_noise(sigma=0.01)"]
    compute(store, plain.keys["train"], trained(0.5))
    compute(store, plain.keys["unaware"], attacked(["inf"]))
    compute(store, weak.keys["train"], trained(0.25))
    compute(store, weak.keys["unaware"], attacked([20.0, None, 30.0]))
    compute(store, weak.keys["aware"], error="no memory")
    shown = table(some, store)
    assert len(shown) == len(some.cells)
    assert set(FIGURES) | set(WORDS) <= set(shown.columns)
    rows = {
        (r.attack.partition("(")[0], r.model.partition("(")[0], r.defense, 0.0 if math.isnan(r.strength) else r.strength): r
        for r in shown.itertuples()
    }
    done, failed = rows["linear_layer", "mlp", "none", 0], rows["linear_layer", "mlp", "gaussian_noise", 0.01]
    assert (done.state, done.reason, done.accuracy, done.accuracy_best, done.train_seconds) == ("done", "", 0.5, 0.6, 2.0)
    assert done.psnr_unaware == math.inf and math.isnan(done.psnr_aware) and math.isnan(done.strength)
    assert (failed.state, failed.reason, failed.psnr_unaware, failed.strength_name) == ("failed", "aware: no memory", 25.0, "sigma")
    assert failed.accuracy == 0.25 and failed.key_aware == weak.keys["aware"] and failed.scenario == weak.scenario.text()
    unfit = rows["linear_layer", "lenet", "none", 0]
    assert unfit.state == "waiting" and "Use model=mlp" in unfit.reason, "it can be trained"
    assert rows["dlg", "mlp", "none", 0].accuracy == 0.5, "the same training"
    assert rows["dlg", "mlp", "none", 0].state == "waiting"
    only = table(Sweep.of(TINY, ["model=lenet"], ["unaware"]), store)
    assert only.state.tolist() == ["unfit"] and "Use model=mlp" in only.reason[0]
    assert all(only[name].dtype == float for name in FIGURES)


def test_an_attack_that_failed_is_done_and_says_so(store):
    one = sweep(what=("unaware",))
    queue(one, store)
    compute(store, one.cells[0].keys["unaware"], attacked([None], failed=True, note="It found nothing."))
    (row,) = table(one, store).to_dict("records")
    assert (row["state"], row["reason"]) == ("done", "unaware: It found nothing.") and math.isnan(row["psnr_unaware"])


def test_labels():
    stack = Scenario.parse(TINY + "&defense=clipping&defense=gaussian_noise(sigma=0.5)").defense
    assert label(stack)[1:] == ("sigma", 0.5)
    assert label(stack)[0] == label(stack.put(1, stack[1].replace(sigma=3.0)))[0], "one curve whatever the strength"
    assert label(stack[:1])[0] != label(stack)[0]


def test_what_failed_by_itself_is_not_tried_again_unless_asked(store, monkeypatch):
    one = sweep(what=("train",))
    (key,) = queue(one, store)
    compute(store, key, error="no memory")
    assert queue(one, store) == [key] and store.job(key).state == "failed"
    assert store.job(key).error == "no memory" and table(one, store).state.tolist() == ["failed"]
    queue(one, store, retry=True)
    assert store.job(key).state == "queued"
    alive = _queue._alive
    monkeypatch.setattr(_queue, "_alive", lambda pid: False)
    for _ in range(_queue.MAX_ATTEMPTS):
        assert store.claim("w")
    assert store.claim("w") is None and store.job(key).state == "failed" and not store.job(key).traceback
    monkeypatch.setattr(_queue, "_alive", alive)
    queue(one, store)
    assert store.job(key).state == "queued", "its workers died through no fault of the job, as far as anyone knows"
    compute(store, key, trained(0.5))
    queue(one, store, retry=True)
    assert store.job(key).state == "done", "what is done stays"


def test_a_page_goes_before_a_sweep_and_unwatch_stops_it(store):
    many = sweep("seed=0..3", what=("unaware",))
    keys = queue(many, store)
    asked_for = store.submit("run", Scenario.parse(TINY + "&seed=99"), "tab")
    assert store.job(asked_for).position == 1
    assert store.claim("w", keys=keys[1:]).key == keys[1], "whoever takes only some jobs gets one of them"
    assert store.claim("w", keys=[]) is None
    store.unwatch(watcher(many))
    assert [store.job(key).state for key in keys] == ["stopped", "running", "stopped", "stopped"] and store.job(keys[1]).stopping
    assert store.job(asked_for).state == "queued"
    assert store.sweeps() == [many.text()]


def test_estimate_and_progress(store):
    many = sweep("seed=0..3", what=("unaware",))
    assert estimate(many, store, 2) == (4, 4 * GUESS["run"] / 2, False)
    keys = queue(many, store)
    assert progress(list(store.jobs(keys).values()), 4, 2) == (0, 4, 0, None, "")
    compute(store, keys[0], attacked([1.0]))
    compute(store, keys[1], error="no memory")
    left, seconds, known = estimate(many, store, 2)
    assert (left, known) == (3, True) and 0 <= seconds < 3 * GUESS["run"] / 2
    found = progress(list(store.jobs(keys).values()), 4, 2)
    assert (found.done, found.total, found.failed) == (2, 4, 1)
    assert found.left is None, "jobs of a few milliseconds: less than a second is not foretold"


def test_a_value_that_was_an_attack_and_is_a_server_now():
    s = Scenario.parse("data=digits&model=mlp&protocol=vfl&attack=rmle")
    assert Axis.parse("attack=hijacking(steps=3),rmle").put(s, "hijacking(steps=3)") == Scenario.parse(
        "data=digits&model=mlp&protocol=vfl&server=hijacking(steps=3)"
    )
