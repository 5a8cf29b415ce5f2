"""A page that is drawn once more with nothing changed finds out nothing that it knew: no rule, no key, no text, no picture is made again."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from invviz.scenario import _problems, _risk, _scenario
from invviz.ui import memory, session

REMEMBERED = {"rules": _problems._found, "risk rules": _risk._found, "keys": _scenario._key, "texts": _scenario._text}


@pytest.mark.parametrize("page", ["lab", "defend", "attacks", "vertical"])
def test_what_a_page_knows_it_does_not_find_out_again(visit, monkeypatch, page):
    at = visit(page).run()
    packed = []
    real = Image.Image.save
    monkeypatch.setattr(Image.Image, "save", lambda self, *args, **how: packed.append(1) or real(self, *args, **how))
    before = {name: cache.cache_info() for name, cache in REMEMBERED.items()}
    at.run()
    after = {name: cache.cache_info() for name, cache in REMEMBERED.items()}
    assert not at.exception and all(after[name].hits > before[name].hits for name in ("rules", "keys", "texts"))
    assert {name: after[name].misses - before[name].misses for name in REMEMBERED} == dict.fromkeys(REMEMBERED, 0)
    assert not packed, "every picture was packed before"


def test_a_memory_keeps_within_its_bound_what_was_looked_at_last():
    made = []
    kept = memory.Memory(2)
    for name in "abacab":
        kept.of(name, lambda name=name: made.append(name))
    assert "".join(made) == "abcb" and len(kept) == 2
    memory.forget()
    assert not len(kept)


def test_a_fingerprint_is_of_numbers_type_and_shape():
    one = np.arange(6, dtype=np.float32)
    same, longer = one.copy(), one.reshape(2, 3)
    assert memory.fingerprint(one) == memory.fingerprint(same) == memory.fingerprint(one)
    others = [longer, one.astype(np.int32), one + 1, one[::-1], one[::2]]
    assert len({memory.fingerprint(other) for other in others} | {memory.fingerprint(one)}) == len(others) + 1


def test_pictures_that_were_drawn_go_with_the_tab(visit):
    at = visit("lab")
    visitor = at.session_state["visitor"]
    assert 3 <= len(visitor.images) <= session.IMAGES
    visitor.leave()
    assert not len(visitor.images)
