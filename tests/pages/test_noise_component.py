"""The noise slider that answers in the browser, from the server's side: what it is given, what it may say, and when nothing of it is sent."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from noise_cases import unpacked
from visits import address, computed, said

from invviz.defenses import DEFENSES
from invviz.engine.assess import assess
from invviz.engine.client import Site
from invviz.engine.summary import noise_variance
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.risk import invre, psnr_ceiling, total_sigma
from invviz.scenario import Scenario
from invviz.scenario.families import defenses
from invviz.ui import more
from invviz.ui.components import noise

QUICK = "data=digits&model=mlp(width=8)&attack=linear_layer&defense=gaussian_noise(sigma=0.1)"


@pytest.fixture
def mounts(monkeypatch):
    """What a page mounts, by kind; a table as its bytes."""

    class Mounts(dict):
        every: dict = {}

    found = Mounts()
    found.every = {}

    def mount(*, key, data, **callbacks):
        kind, board = ("table", "") if isinstance(data, bytes) else (data["kind"], data["board"])
        found[kind] = found.every[kind, board] = (data, callbacks)

    monkeypatch.setattr(noise, "_here", lambda: mount)
    return found


def scored(visit, store_dir, page="lab", text=QUICK, **views):
    store = Store(store_dir)
    store.submit("risk", Scenario.parse(text), "somebody")
    work(store, Site(None, store_dir, "cpu"), once=True, kinds=("risk",))
    return visit(page, text, **views)


def test_the_lab_mounts_its_parts_beside_what_stands_in_their_stead(visit, store_dir, mounts):
    at = scored(visit, store_dir)
    assert not at.exception and set(mounts) == {"table", "slider", "picture", "finding", "spectrum"}
    slider = mounts["slider"][0]
    assert slider["at"] == 0.1 and slider["words"][slider["stops"].index(0.1)] == "10 % of the message's typical entry"
    assert at.select_slider[0].value == 0.1 and "## InvRE" in said(at), "a browser that refuses the script shows these"
    images = len(at.image)
    at.session_state[noise.TOLD] = True
    name = unpacked(mounts["table"][0])[0]["name"]
    at.session_state[noise.HAVE] = {name}
    mounts.clear()
    at.run()
    assert mounts["table"][0] == {"kind": "table", "board": "lab", "name": name}, "the browser has its bytes"
    assert "## InvRE" not in said(at) and len(at.image) == images - 1 and not any(s.label.endswith("strength") for s in at.select_slider)


@pytest.mark.parametrize("page", ["risk", "attacks"])
def test_other_pages_mount_a_line_of_figures(visit, store_dir, mounts, page):
    assert not scored(visit, store_dir, page).exception
    assert {"table", "slider", "brief"} <= set(mounts) and mounts["slider"][0]["board"] == page


@pytest.mark.parametrize("hide", ["ideal", "score", "spectrum"])
def test_a_link_that_hides_something_sends_no_table(visit, store_dir, mounts, hide):
    """What a browser has, a person can read."""
    at = scored(visit, store_dir, hide=hide)
    assert not at.exception and not {"picture", "finding", "spectrum"} & set(mounts)
    assert mounts["table"][0] == {"kind": "table", "board": "lab", "name": ""}


def test_without_a_defense_there_is_nothing_to_move(visit, store_dir, mounts):
    at = scored(visit, store_dir, text="data=digits&model=mlp(width=8)&attack=linear_layer")
    assert not at.exception and not {"slider", "picture", "finding", "spectrum"} & set(mounts)


def test_only_what_the_slider_offers_is_taken(mounts, monkeypatch):
    taken = []
    noise.slider("lab", "Noise", "", [0.0, 0.1, 1], ["a", "b", "c"], 0.1, "7", taken.append)
    told = mounts["slider"][1]["on_moved_change"]
    for value in (
        {"at": 0.1, "have": ["t"]},
        {"at": 1.0, "have": []},
        {"at": 0.5},
        {"at": "0.1"},
        {"at": None},
        {"at": [0.1]},
        {},
        None,
        0.1,
        "moved",
    ):
        monkeypatch.setattr(noise.st, "session_state", {"noise@7": SimpleNamespace(moved=value)})
        told()
    assert taken == [0.1, 1] and isinstance(taken[1], int)


def test_a_page_for_a_test_shows_streamlits_own(visit, store_dir):
    at = scored(visit, store_dir)
    assert not noise.available() and at.select_slider[0].value == 0.1
    at.select_slider[0].set_value(1.0).run()
    assert address(at, "defense") == "gaussian_noise(sigma=1.0)"


def test_the_least_noises_move_with_the_wish(visit, store_dir, mounts, monkeypatch):
    """The browser's table is Streamlit's own at every wish; what is opened there is what the line says."""
    monkeypatch.setattr(more, "is_open", lambda name: True)
    monkeypatch.setattr(defenses, "usual", lambda: [DEFENSES["gaussian_noise"]()])
    at = computed(visit("defend", QUICK, target="16"), store_dir)
    assert not at.exception and mounts["least"][0]["board"] == "least"
    slider = {kind: data for (kind, board), (data, _) in mounts.every.items() if board == "least"}["slider"]
    given, tell = mounts["least"]
    assert slider["at"] == 16.0 and slider["stops"] == given["stops"] and slider["calm"]
    row = next(row for row in given["rows"] if row["title"] == "Gaussian noise")
    cells = row["cells"][given["stops"].index(16.0)]
    assert cells[0] in said(at) and cells[3] == "16.0 dB" and row["opens"][given["stops"].index(16.0)]
    assert [words for words, opens in zip(row["cells"], row["opens"], strict=True) if not opens and len(words) != 1] == []
    shares = [float(words[0].split(" %")[0].replace(",", "")) for words in row["cells"] if len(words) > 1]
    assert len(shares) > 10 and shares == sorted(shares, reverse=True), "who may get more needs less noise"
    assert {"pressed"} == {name.removeprefix("on_").removesuffix("_change") for name in tell}


@pytest.mark.parametrize("strength", [0.4, 4.0])
def test_coloured_noise_has_figures_at_strengths_that_take_another_spectrum(visit, store_dir, mounts, strength):
    """Between strengths at which they were computed: within a tenth of a dB of that strength's own spectrum; pictures come when it is let go."""
    text = "data=digits&model=mlp(width=8)&attack=linear_layer&defense=invl_gnp(scale=1.0)"
    at = scored(visit, store_dir, text=text)
    facts, _ = unpacked(mounts["table"][0])
    place, here = facts["stops"].index(strength), facts["stops"].index(1.0)
    assert not at.exception and facts["sigmas"][here] and facts["drawn"][here] and facts["figures"][here] is None
    assert facts["sigmas"][place] is None and not facts["drawn"][place] and facts["figures"][place]["about"]
    other = Scenario.parse(text.replace("1.0", str(strength)))
    found = assess(other, Site(None, store_dir, "cpu"))
    sigma = total_sigma(found.decomposition, other.floor, noise_variance(other, found.size, found.stages))
    assert facts["figures"][place]["ceiling"] == pytest.approx(psnr_ceiling(found.decomposition, sigma), abs=0.1)
    assert facts["figures"][place]["invre"] == pytest.approx(invre(found.decomposition, sigma), abs=0.01)


def test_a_move_of_a_slider_that_is_gone_is_passed_over(mounts, monkeypatch):
    """A browser may tell of one while another defense, which has another slider, is already drawn."""
    monkeypatch.setattr(noise.st, "session_state", {})
    taken = []
    noise.slider("lab", "noise", "", [0.0, 1.0], ["none", "1"], 0.0, "7", taken.append)
    mounts["slider"][1]["on_moved_change"]()
    assert not taken
    noise.st.session_state["noise@7"] = SimpleNamespace(moved={"at": 1.0})
    mounts["slider"][1]["on_moved_change"]()
    assert taken == [1.0]
