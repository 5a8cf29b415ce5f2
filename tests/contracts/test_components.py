"""What every component promises, checked for each entry of the tables."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from invviz.core.component import Component, parse_component
from invviz.core.component import knob as declare
from invviz.core.errors import KnobError, TextError
from invviz.metrics import METRICS
from invviz.scenario import PARTS

ROOT = Path(__file__).parents[2]
BIB = set(re.findall(r"@\w+\{(\w+),", (ROOT / "docs/references.bib").read_text()))
TABLES = {**PARTS, "metric": METRICS}
ALL = [pytest.param(part, name, kind, id=f"{part}-{name}") for part, table in TABLES.items() for name, kind in table.items()]


@pytest.mark.parametrize(("part", "name", "kind"), ALL)
def test_defaults_make_a_frozen_hashable_value(part, name, kind):
    one = kind()
    assert one == kind()
    assert hash(one) == hash(kind())
    for field in dataclasses.fields(one):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, field.name, None)


@pytest.mark.parametrize(("part", "name", "kind"), ALL)
def test_name_is_file_name_and_class_is_titled(part, name, kind):
    assert kind.name == name
    assert kind.__module__.rsplit(".", 1)[1] == name
    assert kind.title
    assert kind.__doc__
    assert not kind.__doc__.startswith(kind.__name__ + "(")  # the dataclass's own substitute
    assert kind.__doc__.split("\n")[0].rstrip().endswith((".", ":"))


@pytest.mark.parametrize(("part", "name", "kind"), ALL)
def test_every_field_is_a_knob_with_help_and_a_range_that_holds_its_default(part, name, kind):
    knobs = kind.knobs()
    bare = [f for f in dataclasses.fields(kind) if not f.metadata]
    assert len(knobs) == len(dataclasses.fields(kind)) - len(bare) and not any(f.compare for f in bare), "a field without knob(...)"
    for knob in knobs:
        assert len(knob.help) > 10
        assert knob.read(knob.default) == knob.default
        assert knob.choices or not isinstance(knob.default, str), "a free text knob cannot be checked"


@pytest.mark.parametrize(("part", "name", "kind"), ALL)
def test_papers_are_in_the_bibliography(part, name, kind):
    assert kind.paper in BIB | {""}


@pytest.mark.parametrize(("part", "name", "kind"), ALL)
def test_text_round_trip(part, name, kind):
    varied = kind()
    for knob in kind.knobs():
        other = next((c for c in knob.choices if c != knob.default), None)
        if other is None and isinstance(knob.default, bool):
            other = not knob.default
        elif other is None and isinstance(knob.default, (int, float)):
            other = knob.high if knob.high is not None else knob.default + 1
        varied = varied.replace(**{knob.name: other})
    for one in (kind(), varied):
        for full in (False, True):
            assert parse_component(one.text(full), TABLES[part], part) == one
    assert kind().text() == name


def test_a_late_knob_leaves_older_texts_and_keys_as_they_are():
    @dataclasses.dataclass(frozen=True)
    class Old(Component):
        name = "old"
        size: int = declare(3, "how large it is", low=1, high=9)

    @dataclasses.dataclass(frozen=True)
    class New(Old):
        turns: int = declare(0, "how often it turns", low=0, high=9, late=True)

    assert New().text(full=True) == Old().text(full=True) == "old(size=3)"
    assert New(turns=2).text(full=True) == "old(size=3,turns=2)"
    assert parse_component("old(turns=2)", {"old": New}, "part") == New(turns=2)


@pytest.mark.parametrize(("part", "name", "kind"), ALL)
def test_out_of_range_states_the_range(part, name, kind):
    for knob in kind.knobs():
        if knob.choices or isinstance(knob.default, (bool, str)):
            continue
        for limit, beyond in ((knob.low, -1), (knob.high, 1)):
            if limit is not None:
                with pytest.raises(KnobError, match=re.escape(knob.range)):
                    kind().replace(**{knob.name: limit + beyond * max(1, abs(limit))})


@pytest.mark.parametrize("part", TABLES)
def test_unknown_names_list_the_known_ones(part):
    with pytest.raises(TextError) as err:
        parse_component("nonsense_name", TABLES[part], part)
    for name in TABLES[part]:
        assert name in str(err.value)


@pytest.mark.parametrize(
    "text",
    [
        "mlp(width=__import__('os').getpid())",
        "mlp(width=1+1)",
        "mlp(3)",
        "mlp(",
        "mlp(**{'width': 3})",
        "mlp(width=3, width=4)",
        "mlp.width",
        "(" * 300,
        "a" * 5000,
        "",
        "mlp(width=[1])",
    ],
)
def test_hostile_text_is_refused(text):
    with pytest.raises(TextError):
        parse_component(text, PARTS["model"], "model")
