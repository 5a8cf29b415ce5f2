"""Numbers, papers and alternative texts as people read them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invviz.charts._axes import powers
from invviz.core.figures import number, percent, readable
from invviz.core.papers import cite, entries, papers, title
from invviz.defenses import DEFENSES
from invviz.ui import strength
from invviz.ui.alts import alt

ROOT = Path(__file__).parents[2]
KEYS = sorted(entries((ROOT / "docs" / "references.bib").read_text()))
EXPONENT = re.compile(r"\d[eE][-+]?\d")
RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def back(text):
    """The number that a person reads, by another way than it was written."""
    if not (found := re.fullmatch(r"(?:(.+) × )?10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", text)):
        return float(text.replace(",", ""))
    return float(found[1] or 1) * 10.0 ** int(found[2].translate(RAISED))


@given(st.floats(1e-12, 1e12), st.integers(1, 6))
def test_a_number_reads_as_it_is_within_its_digits(value, digits):
    text = number(value, digits)
    assert not EXPONENT.search(text)
    assert back(text) == pytest.approx(value, rel=0.51 * 10 ** (1 - digits))
    assert number(-value, digits).replace("-", "", 1) == text


@given(st.floats(0.0, 1.0))
def test_less_than_everything_is_never_written_as_all_of_it(share):
    text = percent(share)
    assert text.endswith(" %") and not EXPONENT.search(text)
    assert (text == "100 %") == (share > 1 - 1e-11)


def test_the_ends_of_every_slider_are_written_out():
    for name, kind in DEFENSES.items():
        for value in strength.options(kind()):
            assert not EXPONENT.search(kind().level(value)), (name, value)
    noise = DEFENSES["gaussian_noise"]()
    assert noise.level(strength.options(noise)[-1]) == "1,000 % of the message's typical entry"
    assert DEFENSES["pruning"]().level(0.9999) == "99.99 % of the entries dropped"


def test_axes_are_marked_by_powers_of_ten():
    axis = powers(2e-3, 40.0)
    assert axis["values"] == pytest.approx([0.01, 0.1, 1, 10]) and '"-2": "10⁻²"' in axis["labelExpr"] and '"0": "1"' in axis["labelExpr"]
    assert "values" not in powers(0.4, 0.9), "hardly a power of ten: plain numbers"


def test_what_attacks_say_of_themselves_is_readable():
    assert readable("at a matching loss of 4.0e-01 after 429 steps; 1e-09.") == "at a matching loss of 0.4 after 429 steps; 10⁻⁹."
    assert readable("layer conv1e-2x, seed=3") == "layer conv1e-2x, seed=3"


def test_papers_are_named_by_author_and_year():
    assert cite("carletti2025sok") == "Carletti et al. 2025" and cite("golub2010matrices") == "Golub and Meurant 2010"
    assert cite("kohavi1996adult") == "Kohavi 1996" and cite("erdogan2022unsplit") == "Erdoğan et al. 2022"
    assert cite("pedregosa2011sklearn") == "Pedregosa et al. 2011", "and others"
    assert title("carletti2025sok") == "Carletti et al.: SoK: Gradient Inversion Attacks in Federated Learning. USENIX Security, 2025."
    assert set(papers()) == set(KEYS) and all(re.fullmatch(r".+ \d{4}", p.short) and p.title and p.where for p in papers().values())
    assert not any(set("{}\\$") & set(p.whole) for p in papers().values())


def test_without_the_list_a_key_tells_what_it_can(monkeypatch):
    monkeypatch.setattr("invviz.core.papers.papers", dict)
    assert (cite("xu2025invloss"), title("xu2025invloss")) == ("Xu 2025", "")


def test_no_prose_holds_a_raw_key():
    """Of pages, reports, the command line and notes of attacks: strings that are no docstrings; and first lines of components, which are help on the screen."""
    found = []
    for path in sorted((ROOT / "invviz").rglob("*.py")):
        tree = ast.parse(path.read_text())
        docs = {
            id(n.body[0].value)
            for n in ast.walk(tree)
            if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(n)
        }
        prose = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs]
        shown = [doc.split("\n")[0] for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and (doc := ast.get_docstring(n))]
        shown = (
            shown
            if path.parent.name in ("attacks", "defenses", "models", "datasets", "protocols", "metrics") and path.name[0] != "_"
            else []
        )
        found += [(path.name, key) for text in [*prose, *shown] for key in KEYS if key in text and text != key]
    assert len(KEYS) > 50 and not found


def test_alternative_texts_are_plain():
    assert (
        alt("**hidden** · 5.3 dB, `x_y` of an :violet[ideal] one :material/info: see [this](http://a.b)")
        == "hidden · 5.3 dB, x_y of an ideal one see this"
    )
    assert alt("gaussian_noise") == "gaussian_noise"
