"""The Server page: what a server that lies reads of a batch, and what it says of that."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from visits import address, asked_for, computed, html, press, said

from invviz.charts.weights import STOPS, coloured
from invviz.defenses.detectors import DETECTORS
from invviz.engine.client import Site, meet_client
from invviz.engine.planted import planted
from invviz.jobs.store import Store
from invviz.scenario import Scenario, problems
from invviz.scenario.families import servers
from invviz.servers import SERVERS
from invviz.studies import aggregation
from invviz.studies import servers as servers_study
from invviz.studies.detectors import Study as Detected
from invviz.studies.servers import TURNS, Batch, Cell, Study, _make
from invviz.ui import shipped
from invviz.ui.server import grid, hiding, sums, verdict, words

QUICK = "data=digits&model=mlp(width=8)&server=imprint(bins=32)&batch=16&dtype=float64"


@pytest.fixture
def server(visit):
    return functools.partial(visit, "server")


def tiles(at) -> list[str]:
    """What each tile of the batch is: lit, dim or open."""
    return [figure.split('"')[1] for figure in html(at, "server tiles").split("<figure ")[1:]]


def test_tiles_light_up_that_were_read_exactly_and_the_sentence_counts_them(server, store_dir):
    at = server(QUICK)
    assert not at.exception and tiles(at) == ["open"] * 16 and "nothing has been read yet" in said(at)
    computed(press(at, "Let it read"), store_dir)
    key, store = Scenario.parse(QUICK).key("run"), Store(store_dir)
    arrays, truth = store.arrays(key), meet_client(Scenario.parse(QUICK), Site(None, store_dir)).batch.image.numpy()
    exact = [float(((g - t) ** 2).mean()) <= 1e-6 for g, t in zip(arrays["guess"], truth, strict=True)]  # 60 dB of a range of 1
    assert 0 < sum(exact) < 16, "the case must show both"
    assert tiles(at) == ["lit" if one else "dim" for one in exact]
    assert f"{sum(exact)} of 16 pictures are read exactly" in said(at)
    assert html(at, "server tiles").count("✓") == sum(exact) and next(b for b in at.button if b.label == "It has read").disabled


def test_what_was_read_before_stays_and_says_so(server, store_dir):
    at = computed(press(server(QUICK), "Let it read"), store_dir)
    before = tiles(at)
    next(n for n in at.number_input if n.label == "bins").set_value(64).run()
    assert not at.exception and "bins=64" in address(at, "server") and tiles(at) == before
    assert "server tiles stale" in html(at, "server tiles") and "From before" in said(at) and "bins 32 (now 64)" in said(at)
    assert "nothing has been read yet" in said(at)


@pytest.mark.skipif(not shipped.results(Scenario.parse(servers.OPENING), "run"), reason="made by python -m invviz.gallery servers")
def test_a_first_visit_shows_a_prepared_case(server, store_dir):
    at = server()
    scores = shipped.results(Scenario.parse(servers.OPENING), "run")[1]["scores"]["psnr"]
    count = sum(float(value) >= 60 for value in scores if value is not None)
    assert not at.exception and 16 < count < 64 and tiles(at).count("lit") == count
    assert f"{count} of 64 pictures are read exactly" in said(at) and "prepared earlier" in said(at)
    assert "run" not in {job.kind for job in asked_for(store_dir).values()}


def test_an_honest_server_is_turned_into_one_that_lies(server, store_dir):
    at = server("data=digits&model=mlp&defense=clipping&attack=linear_layer")
    assert not at.exception and "What was open has an honest server" in said(at)
    assert "imprint" in address(at, "server") and "clipping" in address(at, "defense") and address(at, "batch") == "16"


@pytest.mark.parametrize(
    "text",
    ["data=digits&model=mlp", "data=wine&model=mlp&protocol=vfl&attack=rmle", "data=digits&model=lenet&rounds=5&defense=dp_sgd&attack=dlg"],
)
def test_turning_gives_a_scenario_that_fits_or_says_why(text):
    found = servers.planted(Scenario.parse(text))
    assert found.server.malicious and not problems(found)
    assert bool(servers.empty(found)) == bool(found.columns)


def test_what_does_not_fit_says_why_and_can_be_undone(server, store_dir):
    at = server(QUICK.replace("bins=32", "bins=2"))
    assert not at.exception and any("is expected to be alone" in w.value for w in at.warning)
    next(n for n in at.number_input if n.label == "bins").set_value(32).run()
    assert not at.exception and not at.warning and len(tiles(at)) == 16


def test_the_batch_is_chosen_in_sight(server, store_dir):
    at = server(QUICK)
    next(c for c in at.button_group if c.label == "Pictures in the batch").set_value("32").run()
    assert not at.exception and address(at, "batch") == "32" and len(tiles(at)) == 32


def test_sixty_decibels_are_the_line():
    assert servers.read([59.99, 60.0, float("nan"), np.inf]) == [False, True, False, True]


def test_the_planted_rows_stand_beside_the_honest_ones_and_detectors_object(server, store_dir):
    at = computed(server(QUICK), store_dir)  # the look is taken by itself
    assert not at.exception and [job.kind for job in asked_for(store_dir).values()] == ["inspect"]
    assert "All of them repeat one another" in said(at) and "Yes: " in said(at)
    flags = html(at, "server flags")
    assert "Weight structure" in flags and "New layers" in flags
    s = Scenario.parse(QUICK)
    client = meet_client(s, Site(None, store_dir))
    rows = client.net.params["0.rows.weight"].flatten(1).double().numpy()  # 64 with twins, 64 columns: all are shown
    shown = Store(store_dir).arrays(s.key("inspect"))["rows"]
    assert (
        rows.shape == (64, 64) and np.allclose(shown[:, :64], rows / np.sqrt((rows**2).mean()), atol=1e-6) and np.isnan(shown[:, 64:]).all()
    )
    expected = client.net.plan.expected(16)
    assert 0 < expected < 1 and f"Of 16 pictures {expected * 16:.0f} are predicted to be read" in said(at)


def test_a_server_that_changed_nothing_it_sends_the_victim_says_where(store_dir):
    """Suppression: the victim has the honest net, the others another one."""
    s = Scenario.parse("data=digits&model=mlp(width=8)&server=inconsistent&aggregation=secure(clients=3)&batch=2")
    found = planted(s, meet_client(s, Site(None, store_dir)))
    assert found.layer and not found.own and "The victim itself was sent the honest net" in words.odd(found.facts())
    honest = s.replace(server=SERVERS["honest"]())
    assert not planted(honest, meet_client(honest, Site(None, store_dir))).layer


def test_nothing_odd_is_said_where_nothing_is():
    facts = {"layer": "0.weight", "beside": "0.weight", "own": True, "shape": [8, 64], "alike": 0.0, "constant": 0.0, "zeros": 0.0}
    assert "To the eye nothing is odd" in words.odd(facts) and "repeat" not in words.odd(facts).split("odd:")[0]
    for name, said_ in (("alike", "repeat one another"), ("constant", "constant"), ("zeros", "are zero")):
        assert said_ in words.odd(facts | {name: 0.6}) and "nothing is odd" not in words.odd(facts | {name: 0.6})
        assert "nothing is odd" in words.odd(facts | {name: 0.5})


def test_no_detector_that_objects_is_no_proof():
    findings = {"a": {"judged": True, "flagged": False}, "b": {"judged": False, "flagged": False}}
    assert words.verdict(findings, []).startswith("None of the 1 detectors") and "no proof" in words.verdict(findings, [])
    assert words.verdict(findings, ["a"]).startswith("Yes: 1 of the 1")


def test_weights_have_the_same_colours_whatever_their_size():
    rows = np.full((4, 6), np.nan)
    rows[:2, :3] = [[-9, 0, 9], [-3, 0, 3]]
    colours = coloured(rows)
    assert colours.shape == (2, 3, 3) and (colours[0] == colours[1]).all()  # clipped at three root mean squares
    assert tuple(colours[0, 0]) == STOPS[0] and tuple(colours[0, 1]) == STOPS[2] and tuple(colours[0, 2]) == STOPS[-1]


def test_a_sum_at_other_sliders_shows_what_was_prepared(server, store_dir):
    at = server(QUICK)
    found = aggregation.prepared()
    assert found is not None and f"takes away {100 * found.at(16, 0, 0.1)[0]:.0f} % of the squared error" in said(at)
    next(s for s in at.slider if s.label == "Clients in the sum").set_value(40).run()
    next(s for s in at.slider if s.label.startswith("Of them collude")).set_value(30).run()
    assert not at.exception and address(at, "sum") == "40" and address(at, "colluders") == "30"
    score = found.at(40, 30, 0.1)[0]
    assert score == pytest.approx(
        found.at(10, 0, 0.1)[0]
    ) and f"40 clients, 30 of them collude: for an ideal attacker the sum takes away {100 * score:.0f} %" in said(at)
    assert "K* = p / n = 38" in said(at) and "To first order no attacker gets more" in said(at)
    next(s for s in at.slider if s.label == "Clients in the sum").set_value(5).run()
    assert not at.exception and "5 clients, 4 of them collude" in said(at), "at most all but the victim"


@pytest.mark.parametrize(("honest", "more"), [(37, False), (38, True)])
def test_the_side_of_k_star_is_said_by_counting(honest, more):
    found = aggregation.prepared()
    assert (honest * 64 > 2_410) == more == ("more unknowns" in sums.finding(found, honest + 2, 2, 0.5))


def test_the_finding_of_the_grid_follows_its_cells():
    def study(**shares):
        return Study(
            tuple(Cell("imprint", name.replace("_", " "), (Batch("", name, value, value, 10.0),)) for name, value in shares.items())
        )

    text = grid.finding(study(No_defense=1.0, good=0.0, edge=0.05, middle=0.89, poor=0.9))
    assert "servers show 100 %" in text and "Under 5 % show behind good." in text and text.endswith("Of little use: poor.")
    assert "No defense leaves them under 5 %" in grid.finding(study(No_defense=0.5, edge=0.05)) and "little use" not in grid.finding(
        study(No_defense=0.5, edge=0.05)
    )
    assert grid.finding(study(edge=0.05)) == "No server could be run."


def test_a_cell_of_the_grid_is_the_mean_of_its_batches_and_tells_least_and_most():
    read = [Batch("a", "1", 0.5, 0.5, 70.0), Batch("b", "2", 1.0, 1.0, 80.0), Batch("c", "3", why="No batch.")]
    cell = Cell("imprint", "Clipping", tuple(read))
    assert cell.exact == cell.seen == 0.75 and cell.least_and_most == (0.5, 1.0) and cell.best == 80.0
    assert Study.from_json(Study((cell,)).to_json()).cells == (cell,)
    html = grid._cell(cell)
    assert "<b>75 %</b> (75)" in html and "Shows: 50 to 100 %; best picture 80.0 dB. No batch." in html
    assert "–" in grid._cell(Cell("imprint", "Clipping", (Batch("a", "1", why="No batch."),)))


@pytest.mark.parametrize("before", ["imprint", "fishing", "qbi", "scale_mia"])
def test_any_server_can_be_chosen_after_any_other(before):
    """Sybils have no read-out of their own, and kept that of the server before."""
    for first in servers.liars():
        start = servers.chosen(Scenario.parse("data=photos&batch=16&model=lenet"), before)
        assert not problems(start) and not problems(servers.chosen(start, first)), (before, first)


def test_turns_of_the_grid_share_no_picture_and_no_seed():
    turns = [servers.against("loki", turn)[servers.UNDEFENDED] for turn in range(TURNS)]
    first = [s.data.index for s in turns]
    assert len({s.seed for s in turns}) == TURNS and all(b - a >= s.batch for s, a, b in zip(turns, first, first[1:], strict=False))
    assert first[-1] + turns[-1].batch <= len(turns[-1].data.load(None).victims)


def test_every_server_has_a_case_in_the_grid_that_fits():
    assert len(servers.liars()) > 3
    for name in servers.liars():
        cells = servers.against(name)
        assert not problems(cells[servers.UNDEFENDED]), name
        assert {"Clipping", "DP-SGD", "InvL-GNP", "InvL-DNP", "Secure aggregation, 8 clients"} <= set(cells)
        assert all(s.server.name == name for s in cells.values())


def test_a_server_that_needs_a_sum_or_another_net_brings_them(server, store_dir):
    at = server(QUICK.replace("mlp(width=8)", "lenet"))
    pick = next(s for s in at.selectbox if s.label == "Server")
    pick.set_value("inconsistent").run()
    assert not at.exception and "inconsistent" in address(at, "server") and "secure" in address(at, "aggregation") and not at.warning
    next(s for s in at.selectbox if s.label == "Server").set_value("trap_weights").run()
    assert not at.exception and "trap_weights" in address(at, "server") and "mlp" in address(at, "model") and not at.warning


def studied(**shares):
    """A study of one detector: by server its share caught without jitter, and with it, where that is given."""
    rows = []
    for name, (plain, hidden) in shares.items():
        for jitter, share in ((0.0, plain), (0.1, hidden)):
            if share is not None:
                one = {"judged": 60, "caught": int(60 * share), "share": share, "interval": [0.0, 1.0], "curve": [[0.0, share], [1.0, 1.0]]}
                row = {
                    "server": name,
                    "title": SERVERS[name].title,
                    "jitter": jitter,
                    "read_plain": 1.0,
                    "read": 1.0 if not jitter else 0.5,
                    "nets": 60,
                }
                rows.append({**row, "found": {"weight_structure": one, "dsnr": {"judged": 0}}})
    return Detected(
        {"nets": 3_000},
        {"weight_structure": {"threshold": 1.0, "false_alarms": 4, "tested_on": 400}, "dsnr": {"threshold": 10.0}},
        tuple(rows),
    )


def test_who_is_seen_and_what_hiding_costs_is_said_from_the_study():
    text = hiding.finding(studied(imprint=(1.0, None), qbi=(0.5, 0.49), trap_weights=(0.49, None)))
    assert "of 2 of 3 servers" in text and "none does so of Trap weights" in text
    assert "the detector that then sees most catches: QBI (bias by quantiles) (49%)." in text
    assert "Imprint layer (Robbing the Fed): at the least jitter tried it reads less than half" in text
    assert text.split("Not in the study: ")[1].startswith("LOKI") and "QBI" not in text.split("Not in the study: ")[1]
    assert "catches: Imprint layer (Robbing the Fed) (50%)." in hiding.finding(studied(imprint=(1.0, 0.5)))


def test_the_study_of_detectors_is_a_table_with_curves_or_its_absence_is_said(server, store_dir, monkeypatch):
    monkeypatch.setattr(hiding, "shipped", lambda: studied(imprint=(1.0, None), qbi=(0.5, 0.4)))
    at = server(QUICK)
    assert not at.exception and "at thresholds set for 1 % false alarms each" in said(at) and "Imprint layer" in said(at)
    table = next(e.proto.body for e in at.get("html") if "set for 1 % false alarms" in e.proto.body)
    assert table.count("<tr>") == 1 + 3 and ">1.0 %" in table and "D-SNR" not in table and ">40 %" in table
    monkeypatch.setattr(hiding, "shipped", lambda: None)
    at = server(QUICK)
    assert not at.exception and "The study of detectors is not on this machine" in said(at)


@pytest.mark.skipif(not servers_study.shipped(), reason="made by python -m invviz.studies servers")
def test_the_shipped_grid_holds_every_server_and_tells_what_is_known_of_them():
    found = servers_study.shipped()
    assert set(found.servers) == set(servers.liars()) and len(found.columns) == len(servers.against("imprint"))
    for turn in range(TURNS):
        wanted = {(name, column): scenario.key("run") for name, column, scenario, _ in _make.wanted(turn)}
        assert wanted == {(cell.server, cell.column): cell.batches[turn].key for cell in found.cells}
    assert found.of("fishing")["No defense"].exact == 1.0, "of the pictures that it is after"
    share = {name: found.of(name)["Secure aggregation, 8 clients"].exact for name in found.servers}
    assert (
        share["loki"] >= 0.85 and share["inconsistent"] == share["sybils"] == 1.0 and share["imprint"] < 0.5
    )  # whom a sum stops, and whom not
    assert all((found.of(name)["DP-SGD"].seen or 0) <= 0.05 for name in found.servers)


@pytest.mark.parametrize("scene", servers.SCENES, ids=lambda scene: scene.title)
def test_prepared_verdicts_are_those_of_todays_thresholds(scene):
    kept = shipped.results(Scenario.parse(scene.scenario), "inspect")
    assert kept is not None, "made by python -m invviz.gallery servers"
    told = kept[1]["detectors"]
    assert set(told) == set(DETECTORS)
    for name, one in told.items():
        most = verdict.threshold(name)
        if one["judged"] and most is not None:
            assert one["flagged"] == (one["score"] > most), name
