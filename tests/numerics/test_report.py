"""Reports: everything is in them, nothing of a stranger's text is markup, and they need nothing but themselves."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from PIL import Image

from invviz.core.errors import InvvizError
from invviz.core.plain import plain
from invviz.engine.client import Site
from invviz.jobs.store import Store
from invviz.jobs.worker import execute
from invviz.report import _bib as bib
from invviz.report import collect, sweep_html, to_csv, to_html, to_json, to_md
from invviz.report._svg import Axis, Dot, Level, Line, chart
from invviz.scenario import Scenario
from invviz.studies.sweep import Sweep, queue, table

NOISY = "data=digits&model=mlp&defense=gaussian_noise(sigma=0.1)&attack=linear_layer"
TRAIN = "data=digits&model=mlp&train=federated(clients=2,rounds=6,samples=60,every=2)"
SWEEP = Sweep.of(
    "data=digits&model=mlp&attack=linear_layer&train=federated(clients=2,rounds=4,samples=60)",
    ["seed=0..1", "defense=none,gaussian_noise(sigma=0.01),gaussian_noise(sigma=0.5)"],
)
EVIL = "<script>alert('x')</script> & | `b` ![i](http://h.example/i.png) [Sign in](http://h.example) www.h.example a@h.example $x$"


def work(store: Store) -> None:
    """Compute what waits, in this process."""
    while job := store.claim("test"):
        outcome = execute(job.kind, Scenario.parse(job.scenario), Site(None, store.path), lambda event: True)
        store.finish(job, outcome.result, outcome.save or outcome.arrays)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = Store(tmp_path_factory.mktemp("report") / "store")
    for kind in ("run", "risk"):
        made.submit(kind, Scenario.parse(NOISY), "me")
    made.submit("train", Scenario.parse(TRAIN), "me")
    made.submit("run", Scenario.parse("data=digits&model=lenet(width=4)&attack=dlg(steps=20,restarts=1)&batch=2"), "me")
    queue(SWEEP, made)
    work(made)
    broken = made.submit("run", Scenario.parse("data=digits&model=mlp&attack=linear_layer&seed=99"), "me")
    made.fail(made.claim("test"), EVIL, "traceback")
    evil = made.submit("run", Scenario.parse("data=digits&model=mlp&attack=linear_layer&seed=98"), "me")
    job = made.claim("test")
    found = execute(job.kind, Scenario.parse(job.scenario), Site(None, made.path), lambda event: True)
    scores = {"psnr": [math.inf], "ssim": [1.0], "mse": [None], "lpips": None}
    made.finish(job, found.result | {"note": EVIL, "failed": True, "scores": plain(scores)}, found.arrays)
    made.broken, made.evil = broken, evil
    return made


@pytest.fixture(scope="module")
def report(store):
    lenet = "data=digits&model=lenet(width=4)&attack=dlg(steps=20,restarts=1)&batch=2"
    return collect(store, [NOISY, Scenario.parse(TRAIN).key("train"), lenet, store.broken, store.evil, SWEEP.key])


@pytest.fixture(scope="module")
def page(report):
    return to_html(report)


class Tags(HTMLParser):
    """Every tag with its attributes, and whether they are closed in order."""

    VOID = {"meta", "img", "br", "wbr"}

    def __init__(self):
        super().__init__()
        self.found, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def tags(page: str) -> list[tuple[str, dict[str, str]]]:
    parser = Tags()
    parser.feed(page)
    assert parser.open == []
    return parser.found


def test_what_was_asked_for_is_collected_once(store, report):
    assert [(e.kind, e.job.state) for e in report.entries] == [
        ("run", "done"), ("risk", "done"), ("train", "done"), ("run", "done"), ("run", "failed"), ("run", "done")
    ]  # fmt: skip
    assert [s.key for s in report.sweeps] == [SWEEP.key]
    key = Scenario.parse(NOISY).key("run")
    assert [e.key for e in collect(store, [key, key[:7], key]).entries] == [key]
    assert report.title == "invviz report: 4 attacks, 1 risk score, 1 training, 1 sweep"


def test_figures_of_a_spectrum_are_at_the_noise_that_was_asked_for(store):
    by_text = collect(store, [NOISY]).entries[1]
    by_key = collect(store, [Scenario.parse(NOISY).key("risk")]).entries[0]
    assert by_text.spectrum.floor > 5 * by_key.spectrum.floor, "a key names the spectrum, which knows of no noise"
    assert by_text.spectrum.figures["invre"] < by_key.spectrum.figures["invre"]
    run = collect(store, [Scenario.parse(NOISY).key("run")]).entries[0]
    assert run.spectrum.floor == by_text.spectrum.floor, "an attack is compared with the ideal one at its own noise"
    assert np.array_equal(run.spectrum.picture, by_text.spectrum.picture)


def test_one_spectrum_at_two_noises_is_told_twice(store):
    key = Scenario.parse(NOISY).key("risk")
    both = collect(store, [NOISY, key])
    assert [e.key for e in both.entries].count(key) == 2
    ids = [a["id"] for _, a in tags(to_html(both)) if "id" in a]
    assert f"{key}-2" in ids and len(set(ids)) == len(ids)


def test_the_page_says_all_there_is_to_say(page, report):
    first, risk, train = report.entries[:3]
    for text in (
        f"PSNR {first.facts['scores']['psnr'][0]:.1f} dB",
        f"InvRE {risk.spectrum.figures['invre']:.2f}: an ideal attacker recovers {100 * risk.spectrum.figures['invre']:.0f} % of what was unknown",
        f"{100 * train.facts['accuracy']:.1f} %",
        "attacker was given</th><td>message, net, batch size (threat model B",
        "python 3.", "torch 2", "numpy ", "scikit-image ", "invviz ",
        "Utility and privacy", "points lost", "InvRE", "Failure.",
    ):  # fmt: skip
        assert text in page, text
    words = re.sub("<wbr>", "", page)
    for e in report.entries:
        for text in (e.scenario.text(), e.scenario.text(full=True), e.command):
            assert text.replace("&", "&amp;").replace('"', "&quot;").replace("'", "&#x27;") in words
    assert f'python -m invviz run "{NOISY}"' == first.command
    assert SWEEP.command().replace("&", "&amp;").replace('"', "&quot;") in words


def test_the_page_needs_nothing_but_itself(page):
    found = tags(page)
    names = {tag for tag, _ in found}
    assert not names & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for _, attributes in found:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:").startswith("data:image/png;base64,") or "src" not in attributes
        assert attributes.get("href", "#").startswith("#")
        assert "http" not in attributes.get("style", "")
    style = re.search("<style>(.*?)</style>", page, re.S)[1]
    assert "url(" not in style and "@import" not in style
    assert "prefers-color-scheme: dark" in style and "@media print" in style
    for colour in ("#7B4EA3", "#D55E00", "#0072B2"):
        assert colour in style
    anchors = {a["id"] for _, a in found if "id" in a}
    assert {a["href"][1:] for _, a in found if "href" in a} <= anchors
    assert len(page) < 400_000


def test_what_others_wrote_is_no_markup(page, report):
    assert "<script" not in page and "alert(&#x27;x&#x27;)" in page
    md = to_md(report)
    assert "<script" not in md.replace("\\<", "") and r"\<script\>" in md


def test_pictures_are_enlarged_without_smoothing_and_framed_by_role(page, report):
    images = [a for tag, a in tags(page) if tag == "img"]
    assert len(images) >= 8 and all(a["alt"] for a in images)
    assert images[0]["alt"].startswith("truth") and "PSNR" in images[1]["alt"] and images[2]["alt"].startswith("real attack")
    truth = report.entries[0].truth
    for place, role in ((0, (0x8A, 0x8F, 0x98)), (1, (0x7B, 0x4E, 0xA3)), (2, (0xD5, 0x5E, 0x00))):
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(images[place]["src"].partition(",")[2]))))
        assert np.abs(picture[0, 0, :3].astype(int) - role).max() <= 2, "of its role, as far as it is legible on a dark ground"
        assert (picture.shape[2] == 4 and (picture[0, :, 3] == 0).any()) == (place == 1), "the ideal attacker's is dashed"
        if place == 0:
            zoom = 256 // 8
            inner = picture[4 : 4 + 8 * zoom, 4 : 4 + 8 * zoom, 0]
            assert np.array_equal(inner[zoom // 2 :: zoom, zoom // 2 :: zoom], np.round(truth[0, 0] * 255))
            assert np.array_equal(inner[:zoom, :zoom], np.full((zoom, zoom), inner[0, 0]))


def test_charts_have_titles_axes_and_the_visual_language(page):
    charts = re.findall("<svg.*?</svg>", page, re.S)
    assert len(charts) >= 5
    for text in charts:
        root = ElementTree.fromstring(text)
        assert root[0].tag == "title" and root[0].text == root.get("aria-label")
        assert root.get("role") == "img"
    joined = "".join(charts)
    for words in (
        "noise floor",
        "singular value (log scale)",
        "matching loss (log scale)",
        "accuracy (%)",
        "round",
        "dot-real",
        "Expected best (dB)",
    ):
        assert words in joined, words
    figures = [a for tag, a in tags(page) if tag == "figure"]
    assert all(a["aria-label"] for a in figures) and len(figures) >= len(charts)


def test_a_chart_puts_values_where_they_belong():
    x, y = Axis("x", 0, 10), Axis("y", 1e-4, 1, log=True)
    marks = [Line([0, 5, 10], [1, 1e-2, 1e-4], "real"), Level(1e-2, "floor & <b>", "floor"), Dot(5, 1e-2, "dot-real", "tip", "here")]
    text = chart("A <finding>", x, y, marks, height=300)
    root = ElementTree.fromstring(text)
    assert root[0].text == "A <finding>"
    line = root.find("polyline").get("points").split()
    ends = [tuple(map(float, p.split(","))) for p in line]
    assert ends[0] == (76.0, 16.0) and ends[2] == (620.0, 250.0)
    assert ends[1] == pytest.approx(((76 + 620) / 2, (16 + 250) / 2)), "the middle of a log axis is the geometric mean"
    assert (root.find("circle").get("cx"), root.find("circle").get("cy")) == ("348.0", "133.0")
    assert [t.text for t in root.iter("text")][-1] == "here"
    assert "y (log scale)" in text and "floor &amp; &lt;b&gt;" in text
    assert [value for value, _ in y.ticks()] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])
    assert [label for _, label in x.ticks()] == ["0", "2", "4", "6", "8", "10"]
    assert [label for _, label in Axis("n", 1, 3, form=",d").ticks()] == ["1", "2", "3"]
    narrow = Axis("loss", 0.011, 0.032, log=True).ticks()
    assert [value for value, _ in narrow] == pytest.approx([0.02]), "within one decade, 1, 2 and 5 are named"


def test_json_is_plain_and_holds_arrays_as_shapes(report):
    def refuse(name):
        raise AssertionError(name)

    found = json.loads(to_json(report), parse_constant=refuse)
    assert [r["kind"] for r in found["results"]] == [e.kind for e in report.entries]
    first, evil = found["results"][0], found["results"][-1]
    assert first["arrays"]["truth"] == {"shape": [1, 1, 8, 8], "dtype": "float32"}
    assert (first["result"]["given"], first["risk"]["n"]) == (report.entries[0].facts["given"], 64)
    assert evil["result"]["scores"] == {"psnr": ["inf"], "ssim": [1.0], "mse": [None], "lpips": None}
    assert evil["result"]["note"] == EVIL
    rows = found["sweeps"][0]["rows"]
    assert len(rows) == 6 and rows[0]["strength"] is None
    assert found["versions"]["python"].startswith("3.")


def test_csv_is_read_by_pandas(report):
    found = pd.read_csv(io.StringIO(to_csv(report)))
    assert list(found["kind"]) == ["run", "risk", "train", "run", "run", "run"] + ["cell"] * 6
    assert found["psnr"][0] == pytest.approx(report.entries[0].facts["scores"]["psnr"][0])
    assert np.isinf(found["psnr"][5]) and np.isnan(found["mse"][5]) and found["note"][5] == EVIL
    assert found["error"][4] == EVIL and found["state"][4] == "failed"
    assert found["invre"][1] == pytest.approx(report.entries[1].spectrum.figures["invre"])
    cells = found[found["kind"] == "cell"]
    assert list(cells["accuracy"]) == pytest.approx(list(report.sweeps[0].rows["accuracy"]))
    assert set(cells["defense"]) == {"none", "gaussian_noise"}


def test_markdown_has_the_same_words_and_no_pictures(report):
    md = to_md(report)
    assert "data:image" not in md and "<svg" not in md
    assert f"Scenario: `{NOISY}`" in md and f'```sh\npython -m invviz run "{NOISY}"\n```' in md
    assert "of what was unknown" in md and "```bibtex\n% InvLoss" in md
    for block in re.findall(r"(?:^\|.*\n)+", md, re.M):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block


def test_markdown_makes_nothing_of_what_others_wrote(report):
    """By a Markdown reader of its own; addresses are broken, of which readers make links by themselves."""
    text = to_md(report)
    found = [child for token in MarkdownIt("commonmark").enable("table").parse(text) for child in token.children or []]
    assert len(found) > 50 and not [child for child in found if child.type in ("image", "link_open", "html_inline")]
    words = " ".join(child.content for child in found if child.type in ("text", "text_special"))
    assert "h.example" in words and not re.search(r"https?://h|www\.h|a@h", words)


def test_papers_are_those_of_the_components(report, store):
    known = bib.entries((Path(__file__).parents[2] / "docs" / "references.bib").read_text())
    assert len(known) == len(re.findall("^@", "\n".join(known.values()), re.M))
    keys = [re.search(r"@\w+{([^,]+),", entry)[1] for entry in report.references]
    assert keys[0] == "xu2025invloss" and len(set(keys)) == len(keys)
    assert {"zhu2019dlg", "phong2018additively", "mcmahan2017fedavg", "pedregosa2011sklearn", "wang2004ssim"} <= set(keys)
    assert not {"geiping2020inverting", "he2016resnet", "zhang2018lpips"} & set(keys)
    for entry in report.references:
        assert entry.count("{") == entry.count("}") and entry.startswith("% ")
    risk_only = collect(store, [Scenario.parse(NOISY).key("risk")]).references
    assert not any("carletti2025sok" in entry for entry in risk_only), "threat models are those of attacks"


def test_a_list_of_references_that_is_not_there_is_said(tmp_path):
    found, note = bib.cited({"zhu2019dlg": ["dlg"]}, tmp_path / "absent.bib")
    assert found == () and "not on this machine" in note and "zhu2019dlg (dlg)" in note
    (tmp_path / "some.bib").write_text("@misc{other, title={x}}")
    found, note = bib.cited({"other": ["o"], "zhu2019dlg": ["dlg"]}, tmp_path / "some.bib")
    assert found == ("% o\n@misc{other, title={x}}",) and note == "Not in docs/references.bib: zhu2019dlg (dlg)."


def test_the_sweep_page_stands_alone(store, page):
    rows = table(SWEEP, store)
    alone = sweep_html(rows, "My <sweep>", ["line one", "line <two>"], SWEEP.command())
    assert "<title>My &lt;sweep&gt;</title>" in alone and "line &lt;two&gt;" in alone
    assert "<svg" in alone and "dot-ideal" in alone and "Papers" not in alone
    tags(alone)
    assert "Failure." not in alone


def test_cells_that_failed_or_wait_are_shown(store):
    rows = table(SWEEP, store)
    rows.loc[0, ["state", "reason"]] = "failed", EVIL
    rows.loc[1, "state"] = "waiting"
    rows.loc[[0, 1], "accuracy"] = float("nan")
    found = sweep_html(rows, "t", ["l"], "c")
    assert "1 cell failed: &lt;script&gt;" in found and "4 done" in found and "not all done" in found
    kept = rows["accuracy"]
    rows = rows.assign(state="waiting", accuracy=float("nan"))
    nothing = sweep_html(rows, "t", ["l"], "c")
    assert "Nothing of this sweep is done yet" in nothing and "Means over the cells" in nothing
    rows["accuracy"] = kept
    bare = rows[rows["defense"] != "none"].assign(state="done")
    assert "No undefended cell" in sweep_html(bare, "t", ["l"], "c")


def test_settings_of_a_sweep_are_told_apart(store):
    rows = table(SWEEP, store)
    many = pd.concat([rows.assign(model=f"mlp(width={n})") for n in range(8)], ignore_index=True)
    found = sweep_html(many, "t", ["l"], "c")
    assert "model=mlp(width=5)" in found and "model=mlp(width=6)" not in found
    assert "Of 8 settings only the first 6 are told here" in found


def test_a_sweep_has_its_verdict_first_and_failures_grouped_and_last(store):
    """Attacks that end in a remark of their own are done: of 113 remarks not one is a failure."""
    rows = pd.concat([table(SWEEP, store)] * 20, ignore_index=True)
    remark = "unaware: Not converged: the best matching loss is {}, so the message was not reproduced."
    rows["reason"] = [remark.format(f"{n / 7:.2g}") for n in range(len(rows))]
    page = sweep_html(rows, "t", ["l"], "c")
    assert 'class="bad"' not in page and "Failure" not in page and "What failed" not in page
    assert f"<li>{len(rows)} cells: unaware: Not converged" in page and page.count("<li>") == 1, "told once"
    rows.loc[:4, ["state", "reason"]] = "failed", "MemoryError: 3.1 GB"
    rows.loc[5, ["state", "reason"]] = "failed", ""
    rows.loc[6:8, ["state", "reason"]] = "unfit", "pruning does not go with this."
    page = sweep_html(rows, "t", ["l"], "c")
    said = [
        "<h2>",
        "<figure",
        "</table>",
        "Cells that are left out",
        "<li>3 cells: pruning",
        "What is to be said of cells that are done",
        "What failed",
    ]
    said += ["<li>5 cells failed: MemoryError", "<li>1 cell failed: no reason is known"]
    assert [page.rindex(words) for words in said] == sorted(page.rindex(words) for words in said)
    assert not page[page.rindex("no reason is known") :].count("<p") and page.count('class="bad"') == 1


def test_a_long_line_is_folded_whole():
    line = "data=digits | seed=" + ",".join(map(str, range(200)))
    page = sweep_html(
        pd.DataFrame({"state": ["waiting"], "reason": [""], "defense": ["none"], "strength": [1.0]}), "t", [line, "short"], "c"
    )
    assert page.count("<details") == 1 and re.sub("<wbr>", "", page).count(line) == 1 and ">short</code></p>" in page


def test_spectra_that_were_removed_to_make_room_are_said(store):
    scenario = Scenario.parse("data=digits(index=5)&model=mlp(width=4)")
    key = store.submit("risk", scenario, "me")
    work(store)
    whole = collect(store, [key])
    assert whole.entries[0].spectrum is not None
    for file in store.folder(key).glob("*"):
        file.unlink()
    gone = collect(store, [key])
    assert gone.entries[0].spectrum is None and "cannot be read" in gone.entries[0].gap
    for text in (to_html(gone), to_md(gone), to_json(gone), to_csv(gone)):
        assert "cannot be read" in text
    assert store.job(key).damaged and store.submit("risk", scenario, "me") == key, "what is damaged is asked for again as what failed"
    work(store)
    store.forget(key)
    assert "was removed; ask for it again" in to_html(collect(store, [key]))


def test_beginnings_of_keys(store):
    run, risk = (Scenario.parse(NOISY).key(kind) for kind in ("run", "risk"))
    assert collect(store, [run[:6]]).entries[0].key == run
    assert collect(store, [SWEEP.key[:8]]).sweeps[0].key == SWEEP.key
    assert collect(store, [SWEEP.text()]).sweeps[0].key == SWEEP.key
    for wrong, words in (
        (risk[:5], "too short"),
        ("0" * 12, "No result has a key that begins with '000000000000'"),
        ("nonsense", "neither a key .* nor a scenario"),
        ("data=digits&model=mlp&seed=12345", "Nothing was computed here of data=digits"),
    ):
        with pytest.raises(InvvizError, match=words) as refused:
            collect(store, [wrong])
        assert re.search(r"holds \d+ results; the newest are\n  [0-9a-f]{20}  (run|risk|train)", str(refused.value))
    with pytest.raises(InvvizError, match="unknown dataset"):
        collect(store, ["data=digitz"])


def test_an_ambiguous_beginning_lists_what_it_fits(store, monkeypatch):
    rows = [{"key": f"abcdef{n}000", "kind": "run", "scenario": NOISY, "finished": 0.0} for n in range(2)]
    monkeypatch.setattr(store, "results", lambda limit=50, offset=0: rows[offset:])
    with pytest.raises(InvvizError, match="beginning of 2 keys") as refused:
        collect(store, ["abcdef"])
    assert all(row["key"] in str(refused.value) for row in rows) and NOISY in str(refused.value)


def test_nothing_done_and_nothing_there(tmp_path):
    empty = Store(tmp_path / "store")
    with pytest.raises(InvvizError, match="holds no results yet"):
        collect(empty, ["abcdef"])
    with pytest.raises(InvvizError, match="Name a result"):
        collect(empty, [])
    key = empty.submit("run", Scenario.parse(NOISY), "me")
    with pytest.raises(InvvizError, match=r"Nothing is done yet .*1 in the queue"):
        collect(empty, [key])
    empty.fail(empty.claim("test"), "no memory")
    (entry,) = collect(empty, [key]).entries
    assert entry.job.state == "failed" and "It failed: no memory" in to_html(collect(empty, [key])), "a failure is something to tell"
    queue(SWEEP, empty)
    with pytest.raises(InvvizError, match="Nothing is done yet"):
        collect(empty, [SWEEP.key])


def test_an_attack_without_scores_and_pictures_is_still_told(store, report):
    first = report.entries[0]
    bare = dataclasses.replace(first, facts={**first.facts, "scores": {"psnr": [None]}}, truth=None, guess=None, curve=None, spectrum=None)
    page = to_html(dataclasses.replace(report, entries=(bare,), sweeps=()))
    assert "The attack has no score" in page and "<img" not in page
