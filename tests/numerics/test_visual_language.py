"""One visual language: colours, dashes, marks and contrast of all figures, picture frames and the style sheet, on light and dark ground."""

from __future__ import annotations

import base64
import importlib
import inspect
import io
import pkgutil
import re
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from invviz import charts
from invviz.charts import (
    before_after,
    bits,
    calibration,
    conditions,
    depth,
    equal,
    overlay,
    progress,
    race,
    roc,
    series,
    spectrum,
    spread,
    sums,
    tangent,
    tradeoff,
)
from invviz.charts._colours import BESIDE, DASHED, DEFENSE, GROUNDS, IDEAL, REAL, SOLID, TRUTH, contrast, dash, frame, ink, legible, line
from invviz.charts._heights import apart
from invviz.charts.parts import parted
from invviz.charts.pictures import strip_png, to_png
from invviz.charts.thumbs import thumb

CSS = (Path(__file__).parents[2] / "assets" / "css" / "app.css").read_text()
VALUES = np.geomspace(10, 1e-3, 40)
CURVES = [
    {"name": part, "part": part, "noise": np.geomspace(1e-4, 10, 20), "value": np.linspace(1, 0, 20), "low": np.zeros(20), "high": np.ones(20), "values": VALUES * k}
    for k, part in enumerate(("this", "most", "least", "other"), 1)
]  # fmt: skip
POINT = {"x": 20.0, "y": 18.0, "model": "lenet", "defense": "none", "picture": "1", "settled": True}
COST = {"name": "a", "strength": 1.0, "rank": 0, "x": 0.8, "x_low": 0.7, "x_high": 0.9, "y": 12.0, "y_low": 11.0, "y_high": 13.0}
AXIS = {"title": "accuracy", "domain": [0.5, 1.0], "log": False, "format": ".0%"}
RUN = race.Run("one", np.array([0.1, 1.0]), np.array([10.0, 30.0]), True)


def run(hollow, place):
    return race.Run(f"run {place}", RUN.seconds, RUN.psnr - place / 2, True, hollow, place)


def plane(dark):
    def mark(line, x):
        return tradeoff.Mark(f"{line}{x}", line, x, x / 2, (x - 1, x + 1), None, ((x, x / 2), (x, x / 3)), x > 85, line)

    names = list("abcdefg")
    look = tradeoff.Look("PSNR, dB", 88.0, "at most 1 point lost", best="b86", label="this", open="c84", near=False, dark=dark)
    marks = [mark("", 90.0), *(mark(name, x) for name in names for x in (80.0, 86.0 - ord(name) % 5))]
    return tradeoff.plane(
        marks, names, look, lambda tracks, lines, taken, inner: {lines[0]: (50.0, 50.0)}, lambda spots, wide, room: (True, 40.0, 40.0)
    )


FIGURES = {
    "before_after.before_after": lambda dark, hollow: before_after.before_after(VALUES, VALUES / 2, (0.01, 0.1), dark),
    "bits.bits_spec": lambda dark, hollow: bits.bits_spec([0.1, 1.0, 10.0], [6.0, 4.0, 1.0], 6.8, 1.0, dark),
    "calibration.scatter": lambda dark, hollow: calibration.scatter([POINT], "ceiling (dB)", not hollow, dark),
    "calibration.bend": lambda dark, hollow: calibration.bend([0.01, 0.1], [0.1, 0.2], [0.2, 0.3], dark),
    "conditions.strip": lambda dark, hollow: conditions.strip(
        [conditions.Row("a", "told", {7: 20.0, 8: 21.0}, hollow, said="base"), conditions.Row("b", "plain", {7: 22.0}, hollow, True)], {"a": 21.5, "b": 90.0}, 20.5, 12.0, dark
    ),
    "depth.over_depth": lambda dark, hollow: depth.over_depth(["a", "b"], [30.0, 20.0], {"x": [40.0, 10.0], "y": [12.0, None]}, 11.0, "a", dark, hollow),
    "equal.panel": lambda dark, hollow: equal.panel([{**COST, "name": n} for n in "abcde"], list("abcde"), "unaware" if hollow else "aware", AXIS, [5.0, 30.0], 0.8, dark),
    "overlay.risk_curves": lambda dark, hollow: overlay.risk_curves(CURVES, 0.01, dark),
    "overlay.spectra": lambda dark, hollow: overlay.spectra(CURVES, 0.1, dark),
    "progress.loss_spec": lambda dark, hollow: progress.loss_spec(np.arange(9), VALUES[:9], 9, 3, dark),
    "progress.psnr_spec": lambda dark, hollow: progress.psnr_spec(np.arange(9), VALUES[:9], 9, 3, dark),
    "race.race": lambda dark, hollow: race.race([run(hollow, k) for k in range(5)], "run 0", 34.0, 10.0, dark),
    "roc.curves": lambda dark, hollow: roc.curves({name: [(0.0, 0.5), (1.0, 1.0)] for name in "abcd"}, {"a": [(0.0, 0.1), (1.0, 1.0)]}, dark),
    "spectrum.spectrum_spec": lambda dark, hollow: spectrum.spectrum_spec(VALUES, 0.1, dark),
    "spread.spread": lambda dark, hollow: spread.spread({"a": [(7, 20.0, False), (8, 12.0, True)]}, hollow, dark),
    "sums.curve": lambda dark, hollow: sums.curve([(1, 1.0), (8, 0.5)], [(1, 1.0), (8, 0.6)], (4, 0.8), 6.0, 16, dark),
    "tangent.over_strength": lambda dark, hollow: tangent.over_strength(
        [tangent.Line("ideal", [20.0, 15.0], ideal=True), tangent.Line("real", [12.0, 9.0], [[11.0, 13.0], [9.0]], hollow=hollow, thin=True)], [0.1, 1.0], 1.0, "strength", dark
    ),
    "tradeoff.plane": lambda dark, hollow: plane(dark),
    "series.series_spec": lambda dark, hollow: series.series_spec(3.0, "mV", VALUES, VALUES / 2, VALUES / 9, VALUES / 3, dark),
}  # fmt: skip
LOOKS = pytest.mark.parametrize(("name", "dark", "hollow"), [(n, d, h) for n in FIGURES for d in (False, True) for h in (False, True)])
ORANGES = {REAL, *(shade for pair in race.SHADES for shade in pair)}


def test_every_figure_is_looked_at():
    modules = [
        importlib.import_module(f"invviz.charts.{m.name}") for m in pkgutil.iter_modules(charts.__path__) if not m.name.startswith("_")
    ]
    made = {
        f"{m.__name__.rsplit('.', 1)[1]}.{name}"
        for m in modules
        for name, what in vars(m).items()
        if inspect.isfunction(what) and what.__module__ == m.__name__ and not name.startswith("_")
        and inspect.signature(what).return_annotation in ("dict[str, Any]", "go.Figure")
    }  # fmt: skip
    assert made - {"tradeoff.config"} == set(FIGURES)


def marks(spec, above=None):
    """Every mark of a Vega-Lite chart: its own part, its encoding, and every colour and dash that it may have."""
    encoding = {**(above or {}), **spec.get("encoding", {})}
    found = []
    if "mark" in spec:
        mark = spec["mark"] if isinstance(spec["mark"], dict) else {"type": spec["mark"]}
        ranges = {key: encoding.get(key, {}).get("scale", {}).get("range") for key in ("color", "strokeDash")}
        colours = ranges["color"] or [mark.get("color")]
        dashes = ranges["strokeDash"] or [mark.get("strokeDash", SOLID)] * len(colours)
        found += [(mark, encoding, colour, dashed) for colour, dashed in zip(colours, dashes, strict=True)]
    for layer in spec.get("layer", []):
        found += marks(layer, encoding)
    return found


@LOOKS
def test_lines_of_a_role_have_its_dash(name, dark, hollow):
    figure = FIGURES[name](dark, hollow)
    if isinstance(figure, go.Figure):
        assert not re.search(r'"dash": ?"(dash|longdash|dashdot)', figure.to_json()), "dashes are the ideal attacker's"
        return
    looked = 0
    for mark, _, colour, dashed in marks(figure):
        if mark["type"] in ("line", "rule") and name != "spectrum.spectrum_spec":  # there it is the edge of what is filled
            assert (list(dashed) != SOLID) == (colour == line(IDEAL, dark)), f"{colour} {dashed}"
            assert list(dashed) in (SOLID, DASHED)
            looked += 1
    assert looked or name in ("spectrum.spectrum_spec", "spread.spread")


def test_the_ideal_attackers_panel_is_dashed():
    panel = equal.panel([COST], ["a"], "ceiling", AXIS, [5.0, 30.0], 0.8)
    assert panel["layer"][0]["mark"]["strokeDash"] == DASHED and panel["layer"][3]["mark"]["filled"]


@LOOKS
def test_hollow_marks_are_those_of_who_is_not_told(name, dark, hollow):
    figure = FIGURES[name](dark, hollow)
    if isinstance(figure, go.Figure):
        assert "-open" not in "".join(str(t.marker.symbol) for t in figure.data if t.name not in (None, tradeoff.HALO)), (
            "defenses have filled marks"
        )
        return
    points = [
        m
        for m, _, colour, _ in marks(figure)
        if m["type"] == "point" and m.get("opacity") != 0 and not str(m.get("shape", "")).startswith("M")
    ]
    points += [
        m["point"] for m, _, colour, _ in marks(figure) if isinstance(m.get("point"), dict) and colour in ORANGES and "filled" in m["point"]
    ]
    kinds = {m["filled"] for m in points}
    assert kinds in ({not hollow}, set()), kinds
    if name in (
        "race.race",
        "spread.spread",
        "depth.over_depth",
        "conditions.strip",
        "equal.panel",
        "calibration.scatter",
        "tangent.over_strength",
    ):
        assert kinds


@LOOKS
def test_words_and_lines_stand_out_from_the_ground(name, dark, hollow):
    figure, ground, looked = FIGURES[name](dark, hollow), GROUNDS[dark], 0
    if isinstance(figure, go.Figure):
        letters = [a.font.color for a in figure.layout.annotations] + [t.textfont.color for t in figure.data if t.textfont.color]
        letters += [figure.layout[axis][part].color for axis in ("xaxis", "yaxis") for part in ("tickfont",)]
        drawn = [t.line.color for t in figure.data if t.mode == "lines+markers"] + [
            t.marker.color for t in figure.data if isinstance(t.marker.color, str)
        ]
        assert len(letters) > 4 and len(drawn) > 6
        assert all(contrast(c, ground) >= 4.5 for c in letters) and all(contrast(c, ground) >= 3 for c in drawn)
        return
    assert all(contrast(c, ground) >= 4.5 for part in ("axis", "legend") for c in figure["config"][part].values())
    assert figure["config"]["point"]["opacity"] == figure["config"]["tick"]["opacity"] == 1, "of itself Vega-Lite draws them at 0.7"
    for mark, _, colour, _ in marks(figure):
        if mark["type"] == "text" and mark.get("stroke") != ground:  # the rim of a word has the ground's colour
            assert contrast(colour, ground) >= 4.5, colour
            looked += 1
        plain = mark["type"] in ("line", "rule", "point", "tick") and mark.get("opacity", 1) == 1 and mark.get("strokeWidth", 2) >= 1
        if plain and colour not in (None, *BESIDE):  # what lies beside the one that is meant is pale
            assert contrast(colour, ground) >= 3, colour
            looked += 1
    assert looked


@pytest.mark.parametrize("dark", [False, True])
def test_the_drawing_of_a_tangent_stands_out_from_the_ground(dark):
    style = re.search("<style>(.*)</style>", tangent.drawing(0.5, dark)).group(1)
    words = {kind: re.search(rf"\.{kind}{{fill:(#\w+)", style).group(1) for kind in ("quiet", "miss", "step")}
    assert all(contrast(colour, GROUNDS[dark]) >= 4.5 for colour in words.values())
    drawn = re.findall(r"\.(?:all|other|gap|hollow|noise)\{[^}]*stroke:(#\w+)", style)
    assert len(drawn) == 5 and all(contrast(colour, GROUNDS[dark]) >= 3 for colour in drawn)
    assert line(DEFENSE, dark) in style and ink(REAL, dark) in style and line(TRUTH, dark) in style


def test_contrast_is_that_of_the_w3c():
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005) and contrast("#FF0000", "#FFFFFF") == pytest.approx(
        4.0, abs=0.005
    )
    assert contrast("#0000FF", "#FFFFFF") == pytest.approx(8.59, abs=0.005)


@pytest.mark.parametrize("dark", [False, True])
def test_colours_are_moved_no_further_than_they_must(dark):
    for colour in (TRUTH, IDEAL, REAL, DEFENSE, "#E69F00", "#56B4E9", "#CC79A7"):
        assert contrast(line(colour, dark), GROUNDS[dark]) >= 3 and contrast(ink(colour, dark), GROUNDS[dark]) >= 4.5
        for least in (3.0, 4.5):
            found = legible(colour, dark, least)
            assert contrast(found, GROUNDS[dark]) < least * 1.06 or found == colour
    assert legible("#D55E00", dark, 3.0) == "#D55E00"
    assert dash(IDEAL) == DASHED and dash(REAL) == dash(TRUTH) == dash(DEFENSE) == SOLID


def edge(png):
    """The frame of one picture, its colours but for what is transparent, and the share that is."""
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
    border = image[1]  # a row of the upper frame
    return {tuple(p[:3]) for p in border if p[3]}, float((border[:, 3] == 0).mean())


def rgb(colour):
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def test_frames_have_the_colour_and_dash_of_their_role():
    grey = np.full((1, 3, 8, 8), 0.5, np.float32)
    for role in (TRUTH, IDEAL, REAL):
        colours, gaps = edge(to_png(grey, role))
        assert colours == {rgb(frame(role))}
        assert contrast(frame(role), GROUNDS[0]) >= 3 and contrast(frame(role), GROUNDS[1]) >= 3
        assert (0.3 < gaps < 0.45) if role == IDEAL else gaps == 0
    whole = np.asarray(Image.open(io.BytesIO(to_png(np.repeat(grey, 4, 0), IDEAL, 200))))
    inside = whole[10:80, 10:80]
    assert (inside[..., 3] == 255).all(), "nothing of a picture is lost"
    assert Image.open(io.BytesIO(strip_png([grey, grey], [TRUTH, IDEAL]))).mode == "RGBA"


def test_the_style_sheet_speaks_the_same_language():
    named = dict(re.findall(r"--([a-z-]+): ([^;]+);", CSS))
    assert named["truth"] == TRUTH and named["real"] == REAL
    for name, both in (
        ("ideal", [line(IDEAL, d) for d in (False, True)]),
        ("defense", [line(DEFENSE, d) for d in (False, True)]),
        ("real-ink", [ink(REAL, d) for d in (False, True)]),
    ):
        assert re.findall("#[0-9A-F]{6}", named[name]) == both
    assert re.findall("#[0-9A-F]{6}", named["quiet"]) == [ink(TRUTH, d) for d in (False, True)]
    rules = [rule for rule in re.findall(r"([^{}]+)\{([^{}]*)\}", CSS) if "dashed" in rule[1]]
    assert rules and all(".ideal img" in where and "var(--ideal)" in how for where, how in rules), (
        "only the ideal attacker's frame is dashed"
    )
    later = CSS[CSS.index("/* Frames") :]
    assert not re.findall(r"#(?:7B4EA3|D55E00|0072B2|8A8F98)", later), "roles are named, not coloured again"


def test_reports_speak_it_too():
    from invviz.report._style import STYLE

    assert (
        f"svg .ideal {{ stroke:var(--ideal); stroke-dasharray:{DASHED[0]} {DASHED[1]}; }}" in STYLE
        and "svg .real { stroke:var(--real); }" in STYLE
    )
    days, nights = STYLE.split("@media screen", 1)
    for sheet, dark in ((days, False), (nights, True)):
        named = dict(re.findall(r"--([a-z-]+):(#[0-9A-Fa-f]{6})", sheet))
        assert named["ideal"] == line(IDEAL, dark) and named["floor"] == line(DEFENSE, dark) and named["ground"] == GROUNDS[dark]
        assert all(
            contrast(named[name], GROUNDS[dark]) >= least
            for name, least in (("ink", 4.5), ("soft", 4.5), ("floor-ink", 4.5), ("real", 3), ("ideal", 3))
        )


def least_squares(ends, gap, within):
    """The same by trying: places on a fine grid, in the order of the ends."""
    from scipy.optimize import minimize

    order = np.argsort(ends)
    sorted_ends = np.asarray(ends)[order]
    keep = [{"type": "ineq", "fun": lambda h, k=k: h[k + 1] - h[k] - gap} for k in range(len(ends) - 1)]
    start = np.linspace(*within, len(ends))
    found = minimize(
        lambda h: ((h - sorted_ends) ** 2).sum(), start, bounds=[within] * len(ends), constraints=keep, options={"ftol": 1e-10}
    ).x
    out = np.empty(len(ends))
    out[order] = found
    return out


@pytest.mark.parametrize("seed", range(4))
def test_names_keep_apart_and_move_as_little_as_they_must(seed):
    ends = np.random.default_rng(seed).uniform(5, 40, 9).tolist()
    found = apart(ends, 3.0, (5.0, 65.0))
    assert np.diff(np.sort(found)).min() >= 3.0 - 0.011 and min(found) >= 5 and max(found) <= 65
    assert (np.argsort(found) == np.argsort(ends)).all()
    assert found == pytest.approx(least_squares(ends, 3.0, (5.0, 65.0)), abs=0.02)
    assert apart([10.0, 30.0], 3.0, (5.0, 65.0)) == [10.0, 30.0], "with room nothing moves"
    assert apart([5.0, 5.0, 5.0], 40.0, (5.0, 65.0)) == [65.0, 35.0, 5.0], "where there is no room the distance is smaller"
    assert apart([], 3.0, (5.0, 65.0)) == []


def test_small_series_are_lines_without_a_ground_that_are_seen_on_both():
    """They stood on white in the dark theme, between dark bars."""
    assert all(contrast(series.ON_ANY, ground) >= 3 for ground in GROUNDS)
    wave = (0.5 + 0.4 * np.sin(np.linspace(0, 9, 64)))[None, None]
    for address in (thumb(wave), parted(wave, [((0, 0), (1, 64))], [0])):
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGBA"))
        assert (shown[..., 3] == 0).mean() > 0.8, "no ground"
        assert {"#{:02X}{:02X}{:02X}".format(*pixel) for pixel in shown[shown[..., 3] > 200][:, :3]} == {series.ON_ANY}, "one line"
    assert np.asarray(Image.open(io.BytesIO(base64.b64decode(thumb(np.zeros((1, 1, 8, 8))).partition(",")[2])))).ndim == 3, (
        "a picture stays one"
    )
