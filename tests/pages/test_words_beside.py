"""A word for one picture and one for what the message tells on average stand side by side: they are not of one scale, so that neither contradicts the other."""

from __future__ import annotations

import re

import pytest
from visits import said

from invviz.metrics import TELLS, WORDS
from invviz.studies import gallery


def card(name):
    pairs = next(one.scenario for one in gallery.CARDS if one.name == name).split("&")
    return dict(pair.split("=", 1) for pair in pairs)


@pytest.mark.parametrize(
    ("name", "picture", "message"), [("heavy_noise", "recognisable", "tells some"), ("opening", "readable", "tells nearly all")]
)
def test_the_lab_says_of_the_picture_one_thing_and_of_the_message_another(visit, name, picture, message):
    at = visit("lab", **card(name))
    (best,) = [m.value for m in at.markdown if m.value.startswith("Expected best")]
    assert f"(the message {message})" in best and not re.search("|".join(WORDS), best)
    assert "squared error of a guess without the message; not a share of pixels" in best, "of what InvRE is a share"
    assert any(c.value.startswith(f"**{picture}**") for c in at.caption)


def test_no_figure_of_a_spectrum_has_a_word_of_pictures(visit):
    for name in ("defend", "vertical"):
        at = visit(name)
        tables = " ".join(e.proto.body for e in at.get("html"))
        cells = re.findall(r'<td class="risk"[^>]*>(.*?)</td>|<tr class="risk">(.*?)</tr>', tables, re.DOTALL)
        texts = [re.sub(r"<[^>]*>", " ", "".join(cell)) for cell in cells]
        told = [one for one in texts if any(words in one for words in TELLS)]
        assert told and not [one for one in texts if re.search("|".join(WORDS), one)], name
        assert not re.search(rf"[Ee]xpected best [\d.]+ dB,? \(?({'|'.join(WORDS)})", said(at))
