"""The Defend page as Streamlit runs it, without a browser and without workers."""

from __future__ import annotations

import functools
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from visits import address, asked_for, computed, press, said

from invviz.defenses import DEFENSES, Stack
from invviz.engine import calibrate_noise
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.engine.summary import noise_variance
from invviz.jobs.store import Store
from invviz.metrics import PSNR, Baseline, word
from invviz.risk import ideal, invre, psnr_ceiling, total_sigma
from invviz.scenario import Scenario
from invviz.scenario.families import defenses
from invviz.studies import gallery
from invviz.studies.gallery import _defended
from invviz.ui import memory
from invviz.ui.defend import ab, words
from invviz.ui.defend.grid import _cost
from invviz.ui.defend.page import VIEWS

QUICK = "data=digits&model=mlp&attack=linear_layer&defense=gaussian_noise(sigma=0.1)"
FEW = ("gaussian_noise", "pruning", "selective_encryption")


@pytest.fixture
def defend(visit, monkeypatch):
    """Opens the page at an address; few rows, so that a worker is done with them in a moment."""
    monkeypatch.setattr(defenses, "usual", lambda: [DEFENSES[name]() for name in FEW])
    return functools.partial(visit, "defend")


def table(at):
    """Rows of the grid: name and cells, without their markup."""
    html = next(e.proto.body for e in at.get("html") if '<div class="defend' in e.proto.body)
    body = html.split("<tbody>")[1]
    return [
        [re.sub(r"<[^>]*>", " ", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in body.split("</tr>")[:-1]
    ]


def grid(at):
    return next(e.proto.body for e in at.get("html") if '<div class="defend' in e.proto.body)


def row(at, name):
    return next(cells for cells in table(at) if cells[0].startswith(name))


def test_spectra_are_asked_for_at_once_and_attacks_when_a_person_asks(defend, store_dir):
    at = defend(QUICK)
    assert not at.exception
    assert {job.kind for job in asked_for(store_dir).values()} == {"risk"}
    assert "not run yet" in grid(at) and "in line" in grid(at)
    assert table(at)[0][0].startswith("No defense") and len(table(at)) == 1 + len(FEW)
    press(at, "Run all attacks (7 left)")  # one without a defense, to whom nothing could be told, and two for each
    assert not at.exception
    attacks = [job for job in asked_for(store_dir).values() if job.kind == "run"]
    assert len(attacks) == 7 and all(job.active for job in attacks)
    assert any(b.label == "Stop (7 to go)" for b in at.button)


def test_the_grid_shows_what_the_worker_found(defend, store_dir):
    at = press(defend(QUICK), "Run all attacks")
    computed(at, store_dir)
    assert not at.exception and any(b.label == "All attacks are in" and b.disabled for b in at.button)
    site, now = Site(None, store_dir, "cpu"), Scenario.parse(QUICK)
    for stack in defenses.stacks(now):
        scenario = defenses.compared(now, stack)
        cells = row(at, stack[0].title if stack else "No defense")
        for place, who in ((1, "unaware"), (2, "aware")):
            found = run(scenario.replace(attacker=who), site)
            assert f"{np.mean(found.scores['psnr']):.1f} dB" in cells[place]
        found = assess(scenario, site)
        sigma = total_sigma(found.decomposition, scenario.floor, noise_variance(scenario, found.size, found.stages))
        best = float(PSNR().score(ideal(found.decomposition, sigma).clip(0, 1), found.truth).mean())
        assert f"{best:.1f} dB" in cells[3]
        assert f"{invre(found.decomposition, sigma):.2f}" in cells[4] and f"{psnr_ceiling(found.decomposition, sigma):.1f} dB" in cells[4]
        assert words.amount(stack.bytes_of(found.size.count)) in cells[5]
    assert grid(at).count("<img") == 3 * (1 + len(FEW)) and grid(at).count("alt=") == 3 * (1 + len(FEW))
    psnr = lambda cells: max(float(v) for cell in cells[1:4] for v in re.findall(r"([\d.]+) dB", cell))  # noqa: E731
    reached = [psnr(cells) for cells in table(at)[1:]]
    assert reached == sorted(reached), "best protection first"


def test_times_and_guarantees(defend, store_dir):
    at = press(defend(QUICK), "Run all attacks")
    computed(at, store_dir)
    key = Scenario.parse(QUICK).replace(attacker="aware").key("run")
    with Store(store_dir)._db.write() as con:
        kept = json.loads(con.execute("SELECT result FROM jobs WHERE key = ?", (key,)).fetchone()["result"])
        kept.pop("release_ms", None)
        con.execute("UPDATE jobs SET result = ? WHERE key = ?", (json.dumps(kept), key))
        first = Scenario.parse(QUICK).key("run")
        kept = json.loads(con.execute("SELECT result FROM jobs WHERE key = ?", (first,)).fetchone()["result"])
        kept["release_ms"] = {"bare": 1.25, "defended": 2.5}
        con.execute("UPDATE jobs SET result = ? WHERE key = ?", (json.dumps(kept), first))
    memory.forget()
    at.run()
    assert "1.2 ms → 2.5 ms" in row(at, "Gaussian noise")[5]
    assert row(at, "Gaussian noise")[6] == "none"
    whole = DEFENSES["selective_encryption"].guarantee
    assert row(at, "Selective encryption")[6].replace("&#x27;", "'") == defenses.in_short(whole)
    assert whole.replace("'", "&#x27;") in grid(at), "in full on hover"


def test_stop_leaves_the_attacks(defend, store_dir):
    at = press(defend(QUICK), "Run all attacks")
    press(at, "Stop")
    assert not at.exception
    assert {job.state for job in asked_for(store_dir).values() if job.kind == "run"} == {"stopped"}
    assert any(b.label.startswith("Run all attacks (7 left") for b in at.button)


def test_another_grid_is_not_kept_waiting_by_the_last_one(defend, store_dir):
    at = press(defend(QUICK), "Run all attacks")
    before = {key for key, job in asked_for(store_dir).items() if job.kind == "run"}
    at.number_input[0].set_value(3).run()
    assert address(at, "data") == "digits(index=3)"
    press(at, "Run all attacks")
    jobs = asked_for(store_dir)
    assert {jobs[key].state for key in before} == {"stopped"}
    assert sum(job.kind == "run" and job.active for job in jobs.values()) == 7


def test_a_failed_row_says_why_and_the_others_go_on(defend, store_dir):
    at = press(defend(QUICK), "Run all attacks")
    store, key = Store(store_dir), Scenario.parse(QUICK).replace(defense=()).key("run")
    while (job := store.claim("w")) is not None:
        if job.key == key:
            store.fail(job, "no <memory> left", "")
            break
        store.release(job) if hasattr(store, "release") else store.fail(job, "later", "")
    at.run()
    assert not at.exception and "no \\<memory\\> left" in said(at) and "failed" in " ".join(row(at, "No defense"))
    assert "<memory>" not in grid(at)
    press(at, "Try failed ones again")
    computed(at, store_dir)
    assert not at.exception and "failed" not in grid(at) and "dB" in row(at, "No defense")[1]


@pytest.mark.parametrize(
    ("text", "why"), [("data=digits&model=alexnet", "needs pictures of at least"), ("data=cifar10&model=lenet", "INVVIZ_DATA")]
)
def test_what_does_not_fit_is_explained_and_not_asked_for(defend, store_dir, monkeypatch, text, why):
    monkeypatch.delenv("INVVIZ_DATA", raising=False)
    at = defend(text)
    assert not at.exception and not asked_for(store_dir)
    shown = said(at) + " ".join(e.proto.body for e in at.get("html"))
    assert why in shown.replace("\\", "")


def test_one_row_that_does_not_fit_leaves_the_others(defend, store_dir, monkeypatch):
    monkeypatch.setattr(defenses, "usual", lambda: [DEFENSES[name]() for name in ("gaussian_noise", "dp_sgd")])
    at = defend("data=digits&model=mlp&attack=inverting_gradients&protocol=hfl(local_steps=3)")
    assert not at.exception
    assert "Does not fit" in row(at, "DP-SGD")[1] and "in line" in row(at, "Gaussian noise")[3]


def test_what_cannot_be_scored_can_be_attacked(defend):
    at = defend("data=photos(size=64)&model=mlp&attack=linear_layer&method=exact")
    assert not at.exception and "The exact spectrum serves" in said(at)
    assert row(at, "Pruning")[1:4] == ["not run yet", "not run yet", "not scored"]
    assert any(b.label.startswith("Run all attacks (7 left)") for b in at.button)


def test_views_and_scenario_are_kept_in_the_address(defend):
    at = defend(QUICK, rows="noise", order="listed", a="weaker", b="seed", aim="invre", target="0.3")
    assert not at.exception
    assert (address(at, "rows"), address(at, "order"), address(at, "a"), address(at, "aim"), address(at, "target")) == (
        *("noise", "listed", "weaker", "invre", "0.3"),
    )
    assert address(at, "defense") == "gaussian_noise(sigma=0.1)"
    shown = {cells[0] for cells in table(at)}
    assert any(name.startswith("Laplace noise") for name in shown) and not any(name.startswith("Pruning") for name in shown)
    at = defend(QUICK)
    assert not set(at.query_params) & set(VIEWS)


def test_views_that_mean_nothing_fall_back(defend):
    at = defend(QUICK, rows="?", order="?", a="?", b="?", aim="?", target="nan")
    assert not at.exception and len(table(at)) == 1 + len(FEW)


def test_choosing_a_row_opens_it(defend):
    at = defend(QUICK)
    box = next(s for s in at.selectbox if s.label == "Open a row")
    box.set_value(next(o for o in box.options if o.startswith("Pruning"))).run()
    assert not at.exception and address(at, "defense") == "pruning"
    assert "Before and after: Pruning" in said(at) and "open below" in row(at, "Pruning")[0]
    assert grid(at).count('class="open"') == 1


def test_a_deep_link_with_a_strength_of_its_own_opens_that_row(defend):
    at = defend("data=digits&model=mlp&attack=linear_layer&defense=pruning(fraction=0.5)")
    assert "50 % of the entries dropped" in row(at, "Pruning")[0] and "open below" in row(at, "Pruning")[0]


def test_the_least_noise_is_that_of_the_plan_and_can_be_opened(defend, store_dir):
    at = computed(defend(QUICK, target="16"), store_dir)
    found = assess(Scenario.parse(QUICK), Site(None, store_dir, "cpu"))
    least = calibrate_noise.least_strength(
        Scenario.parse(QUICK), DEFENSES["gaussian_noise"](), found.decomposition, found.size, found.stages, 16.0
    )
    assert f"{100 * least.strength:.3g} % of the message" in said(at)
    next(b for b in at.button if b.label == "Open it").click().run()
    assert not at.exception and f"sigma={least.strength:.3g}"[:9] in address(at, "defense")
    assert "16.0 dB" in row(at, "Gaussian noise")[4]
    at = defend(QUICK, target="3")
    assert "out of reach" in said(at)


def test_a_and_b_differ_in_one_thing(defend, store_dir):
    at = defend(QUICK, a="unaware", b="stronger")
    press(at, "Run the attacks of A and B")
    computed(at, store_dir)
    computed(at, store_dir)
    a, b = (run(ab.variants(Scenario.parse(QUICK))[name], Site(None, store_dir, "cpu")) for name in ("unaware", "stronger"))
    gap = np.mean(b.scores["psnr"]) - np.mean(a.scores["psnr"])
    assert f"the real attack {abs(gap):.1f} dB {'more' if gap >= 0 else 'less'}" in said(at)
    assert "more than one thing here: defense, attacker" in said(at)
    assert "more than one thing" not in said(defend(QUICK))
    base = Scenario.parse(QUICK).replace(attacker="aware")
    for name, scenario in ab.variants(Scenario.parse(QUICK)).items():
        differing = [k for k in ("data", "model", "defense", "attack", "attacker", "seed") if getattr(scenario, k) != getattr(base, k)]
        assert len(differing) == (name != "aware")


def test_what_a_row_showed_at_another_strength_stays_until_there_is_something_new(defend, store_dir):
    at = press(defend(QUICK), "Run all attacks")
    computed(at, store_dir)
    before = row(at, "Gaussian noise")
    at.select_slider[0].set_value(0.5).run()
    after = row(at, "Gaussian noise")
    assert not at.exception and "50 %" in after[0]
    assert "not run yet" in after[1] and f"was {before[1].split()[1]} dB at 10 %" in after[1]
    assert "was" not in after[3] and "was" not in row(at, "Pruning")[1]


def test_what_a_row_showed_with_another_knob_is_not_taken_for_another_strength():
    """The words beside an old picture name its strength; one that differs in more than that is not shown."""
    absolute, relative = (
        Scenario.parse(f"data=digits&model=mlp&defense=gaussian_noise(sigma=0.3,relative={r})").defense for r in (False, True)
    )
    other = Scenario.parse("data=digits&model=mlp&defense=gaussian_noise(sigma=0.1)").defense
    assert relative.usual() == other.usual() != absolute.usual()


def test_an_upload_stays_out_of_the_store(defend, store_dir):
    at = defend(QUICK)
    at.session_state["scenario"] = Scenario.parse(QUICK).replace(upload="0123456789abcdef")
    at.session_state["touched"] = True
    at.run()
    assert not at.exception and "Your own picture is not compared here" in said(at)
    assert not any("upload=0123" in job.scenario for job in asked_for(store_dir).values())


def test_prepared_results_are_shown_without_a_click(defend, store_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(defenses, "CHOICES", {"usual": "Usual set"})
    monkeypatch.setattr(_defended, "CHOICES", ("usual",))
    monkeypatch.setattr(defenses, "usual", lambda: [DEFENSES[name]() for name in ("gaussian_noise", "pruning")])
    monkeypatch.setattr(_defended, "OPENING", QUICK)
    monkeypatch.setattr(gallery, "FOLDER", tmp_path)
    _defended.make(tmp_path / "defended")
    gallery.forget()
    try:
        at = defend(QUICK, order="listed")
        assert not at.exception and any(b.label == "All attacks are in" for b in at.button)
        assert grid(at).count("<img") == 9
        wanted = {defenses.compared(Scenario.parse(QUICK), s).key("risk") for s in defenses.stacks(Scenario.parse(QUICK))}
        assert not wanted & set(asked_for(store_dir)), "nothing of it had to be asked for"
        prepared = table(at)
        at.select_slider[0].set_value(1.0).run()  # at another noise the picture is not kept: it is computed
        assert not at.exception and Scenario.parse(QUICK).key("risk") in asked_for(store_dir)
    finally:
        gallery.forget()
    monkeypatch.setattr(gallery, "FOLDER", tmp_path / "nothing")
    at = press(defend(QUICK, order="listed"), "Run all attacks")
    computed(at, store_dir)
    assert [c[:5] for c in table(at)] == [c[:5] for c in prepared]
    gallery.forget()


@pytest.mark.skipif(not gallery.results("defended"), reason="made by python -m invviz.gallery defended")
def test_the_opening_is_prepared(visit, store_dir):
    at = visit("defend")
    assert not at.exception and any(b.label == "All attacks are in" for b in at.button)
    assert 'class="blank"' not in grid(at) and not asked_for(store_dir)


# --- words ---------------------------------------------------------------------------------------------------------------------------


def fake(name, unaware=None, aware=None, best=None, stack=True, unfit=""):
    got = {"unaware": unaware, "aware": aware, "ideal": best}
    known = [v for v in got.values() if v is not None]
    attacks = {who: SimpleNamespace(psnr=got[who], result={"stopped": False}) for who in ("unaware", "aware")}
    floor = Baseline((11.0,), (0.1,), (12.0,), (0.1,))
    return SimpleNamespace(
        name=name,
        level="10 %",
        stack=stack,
        unfit=unfit,
        got=got,
        ideal_psnr=best,
        best=max(known, default=None),
        attacks=attacks,
        word=lambda who: "" if got[who] is None else word(got[who], float("nan"), floor),
        job=None,
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [fake("Selective encryption", 7.2, 47.5, 60.0), fake("Noise", 30.0, 31.0, 33.0)],
            "Selective encryption fools the unaware attacker (7.2 dB) and not the aware one (47.5 dB)",
        ),
        ([fake("Noise", 8.0, 9.0, 30.0)], "Noise stops both real attacks (9.0 dB) and not the ideal attacker (30.0 dB)"),
        (
            [fake("Noise", 12.0, 12.0, 22.0), fake("Clipping", 30.0, 30.0, 60.0)],
            "Noise stops both real attacks (12.0 dB) and not the ideal attacker (22.0 dB)",
        ),
        ([fake("Noise", 8.0, 9.0, 9.5), fake("Clipping", 40.0, 41.0, 42.0)], "Safest here: Noise; the best attacker gets 9.5 dB (hidden)"),
        ([fake("Noise", 8.0, 9.0, 9.5), fake("Clipping")], "Safest so far: Noise; the best attacker gets 9.5 dB (hidden)"),
        ([fake("Noise", best=14.0), fake("Clipping", best=40.0)], "Before any attack: the ideal attacker gets least behind Noise, 14.0 dB"),
        ([fake("Noise")], "Nothing is known of these defenses yet"),
        (
            [fake("Noise", 7.0, 30.0, 30.0), fake("Noise", 7.0, 9.0, 9.0)],
            "Noise (10 %) fools the unaware attacker (7.0 dB) and not the aware one (30.0 dB)",
        ),
    ],
)
def test_the_finding_is_the_most_telling_gap(rows, expected):
    assert words.finding([fake("No defense", 40.0, 40.0, 60.0, stack=False), *rows]) == expected


def test_amounts_have_units():
    assert (words.amount(12), words.amount(61_680), words.amount(4_600_000)) == ("12 B", "61.7 kB", "4.6 MB")
    assert words.change("1 kB", "1 kB") == "1 kB" and words.change("1 kB", "2 kB") == "1 kB → 2 kB"


def test_no_defense_takes_the_time_of_the_bare_message():
    """Both were timed; between two runs of the same thing lies nothing but chance."""
    timed = SimpleNamespace(result={"release_ms": {"bare": 1.3, "defended": 1.2}})
    row = lambda stack: SimpleNamespace(view=None, stack=stack, attacks={"dlg": timed})  # noqa: E731
    assert "1.3 ms<" in _cost(row(Stack()), row(Stack())) and "→" not in _cost(row(Stack()), row(Stack()))
    assert "1.3 ms → 1.2 ms" in _cost(row(Stack((DEFENSES["sign"](),))), row(Stack()))
