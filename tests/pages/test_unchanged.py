"""What a clock draws again goes out only where it differs, and a browser shows the same as if all of it had gone out."""

from __future__ import annotations

import random

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_cache import create_reference_msg, populate_hash_if_needed
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from invviz.ui import orphans, unchanged

PART = "part"
BLOCKS = ("vertical", "expandable")
DONE, PART_DONE, CUT_OFF = (
    ForwardMsg.FINISHED_SUCCESSFULLY,
    ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
    ForwardMsg.FINISHED_EARLY_FOR_RERUN,
)


class Browser:
    """What Streamlit's frontend makes of messages (its AppRoot): places, who drew them, in which run."""

    def __init__(self):
        self.there, self.kept, self.heard = {}, {}, 0

    def hear(self, messages):
        for message in messages:
            self.heard += 1
            kind, path = message.WhichOneof("type"), tuple(message.metadata.delta_path)
            if kind == "new_session":
                self.run, self.parts = message.metadata.run.script_run_id, list(message.metadata.run.fragment_ids)
            elif kind in ("delta", "ref_hash"):
                delta = message.delta if kind == "delta" else self.kept[message.ref_hash]
                if message.metadata.cacheable:
                    self.kept[message.hash] = delta
                assert len(path) == 1 or self.there.get(path[:-1], ("",))[0] in BLOCKS, f"Bad delta path index {path}"
                said = delta.add_block.WhichOneof("type") if delta.HasField("add_block") else delta.new_element.text.body
                if said not in BLOCKS or said != self.there.get(path, ("",))[0]:  # a container of the same kind keeps what stands in it
                    self.drop({p for p in self.there if p[: len(path)] == path})
                self.there[path] = said, delta.fragment_id, self.run
            elif kind == "script_finished" and message.script_finished in (DONE, PART_DONE):
                old = {p for p, (_, part, run) in self.there.items() if run != self.run and (not self.parts or part in self.parts)}
                self.drop({p for p in self.there if any(p[:n] in old for n in range(1, len(p) + 1))})

    def drop(self, places):
        self.there = {p: one for p, one in self.there.items() if p not in places}

    @property
    def shows(self):
        return {path: said for path, (said, _, _) in self.there.items()}


def life(kind, run, parts=(), status=DONE):
    message = ForwardMsg()
    message.metadata.run.script_run_id = str(run)
    message.metadata.run.fragment_ids.extend(parts)
    if kind == "new_session":
        message.new_session.name = "app"
    elif kind == "script_finished":
        message.script_finished = status
    else:
        message.session_status_changed.script_is_running = status
    return message


def place(path, said, part, known=()):
    message = ForwardMsg()
    message.delta.fragment_id = part
    if said in BLOCKS:
        getattr(message.delta.add_block, said).SetInParent()
    elif said == "set":
        message.delta.new_element.text_input.set_value = True
    else:
        message.delta.new_element.text.body = said
    populate_hash_if_needed(message)
    message.metadata.delta_path[:] = path
    message.metadata.cacheable = said.startswith("long")
    return create_reference_msg(message) if message.hash in known else message


def tree(rng, path, part, depth=0):
    """What is drawn there, at random: a few places, some of them containers, mostly with the same words."""
    for i in range(rng.choice((2, 2, 2, 3))):
        inside = depth < 2 and i == 1
        if rng.random() < 0.05:
            yield (*path, i), rng.choice((*BLOCKS, "a")), part  # is replaced at once
        yield (*path, i), rng.choice(BLOCKS) if inside else rng.choice(("a", "a", "a", "b", "long a", "long a", "long b")), part
        if inside:
            yield from tree(rng, (*path, i), part, depth + 1)


def page(rng):
    yield from [
        ((0,), "vertical", ""),
        ((0, 0), "title", ""),
        ((0, 1), "vertical", ""),
        *tree(rng, (0, 1), PART),
        ((0, 2), "long foot", ""),
    ]


def tell(queue):
    message = ForwardMsg(hash=unchanged.CLOCK)
    message.delta.fragment_id = PART
    queue.enqueue(message)


def run(queue, browser, number, drawn, parts=(), clock=True, end=None, rng=None):
    """A run as AppSession passes it on; who is given chance sends now and then in between."""
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=list(parts) or None)
    known = set(browser.kept)  # the browser says at a run's start what it has kept
    queue.enqueue(life("new_session", number, parts))
    queue.enqueue(life("status", number, status=True))
    if clock:
        tell(queue)
    for one in drawn:
        queue.enqueue(place(*one, known=known))
        if rng and rng.random() < 0.1:
            browser.hear(queue.flush())
    queue.enqueue(life("script_finished", number, parts, (PART_DONE if parts else DONE) if end is None else end))
    queue.enqueue(life("status", number, status=False))


@pytest.fixture(autouse=True)
def mended():
    orphans.leave_none()
    unchanged.send_once()


@pytest.mark.parametrize("seed", range(8))
def test_a_browser_shows_what_it_would_if_everything_went_out(seed, monkeypatch):
    shows, heard = {}, {}
    for clock in (True, False):
        rng, sends = random.Random(seed), random.Random(seed)
        queue, browser, shows[clock] = ForwardMsgQueue(), Browser(), []
        for number in range(60):
            whole = number % 20 == 0
            if whole or rng.random() < 0.3:
                places = list(page(rng))
            end = CUT_OFF if not whole and rng.random() < 0.1 else None
            drawn = [one for one in places if whole or one[2] == PART][: rng.randrange(2, 9) if end else None]
            run(queue, browser, number, drawn, () if whole else (PART,), clock, end, sends)
            if rng.random() < 0.8:
                browser.hear(queue.flush())
                shows[clock].append(browser.shows if end is None else None)  # of one that was cut off some may be there or not
        heard[clock] = browser.heard
    assert shows[True] == shows[False] and len(shows[True]) > 30
    assert heard[True] < 0.7 * heard[False]


def twice(first, second, **kwargs):
    """What goes out of a second drawing of the part."""
    queue, browser = ForwardMsgQueue(), Browser()
    run(queue, browser, 0, [((0,), "vertical", ""), *first])
    browser.hear(queue.flush())
    run(queue, browser, 1, second, (PART,), **kwargs)
    out = queue.flush()
    browser.hear(out)
    return [m.WhichOneof("type") if m.WhichOneof("type") != "delta" else tuple(m.metadata.delta_path) for m in out], browser.shows


BOTH = [((0, 0), "a", PART), ((0, 1), "vertical", PART), ((0, 1, 0), "b", PART)]


def test_of_the_same_the_browser_hears_nothing():
    assert twice(BOTH, BOTH)[0] == []


def test_of_what_differs_it_hears_that_alone():
    out, shows = twice(BOTH, [*BOTH[:2], ((0, 1, 0), "c", PART)])
    assert out == ["new_session", "session_status_changed", (0, 1, 0), "script_finished", "session_status_changed"]
    assert shows == {(0,): "vertical", (0, 0): "a", (0, 1): "vertical", (0, 1, 0): "c"}


def test_what_has_gone_is_cleared_away():
    out, shows = twice(BOTH, BOTH[:1])
    assert (0, 0) in out and shows == {(0,): "vertical", (0, 0): "a"}


def test_a_container_that_comes_and_goes_in_one_drawing_leaves_nothing():
    replaced = [((0, 0), "vertical", PART), ((0, 0, 0), "b", PART), ((0, 0), "a", PART)]
    assert twice([((0, 0), "a", PART)], replaced)[1] == {(0,): "vertical", (0, 0): "a"}


def test_a_value_that_is_set_is_set_again():
    out, _ = twice([((0, 0), "set", PART)], [((0, 0), "set", PART)])
    assert out[2] == (0, 0)


def test_who_has_no_clock_sends_at_once(monkeypatch):
    queue, browser = ForwardMsgQueue(), Browser()
    run(queue, browser, 0, [((0,), "vertical", ""), *BOTH], clock=False)
    queue.flush()
    queue.enqueue(life("new_session", 1, (PART,)))
    queue.enqueue(place(*BOTH[0]))
    assert len(queue.flush()) == 2
    for message in (life("new_session", 2), place((0,), "vertical", ""), *(place(*one) for one in BOTH)):
        queue.enqueue(message)
    tell(queue)
    queue.flush()
    for message in (life("new_session", 3, (PART,)), place(*BOTH[0])):
        queue.enqueue(message)
    assert queue.flush() == []  # the clock's run is held back
    waits = ForwardMsg()
    waits.delta.new_transient.SetInParent()
    queue.enqueue(waits)
    assert len(queue.flush()) == 3  # until a sign that one has to wait


def test_a_run_that_never_ends_is_left_out():
    queue, browser = ForwardMsgQueue(), Browser()
    run(queue, browser, 0, [((0,), "vertical", ""), *BOTH])
    browser.hear(queue.flush())
    queue.enqueue(life("new_session", 1, (PART,)))
    queue.enqueue(place((0, 0), "never", PART))
    run(queue, browser, 2, [((0,), "vertical", ""), *BOTH])
    browser.hear(queue.flush())
    assert "never" not in browser.shows.values() and browser.run == "2"
