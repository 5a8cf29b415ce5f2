"""Nothing of a page goes out without the container it stands in."""

from __future__ import annotations

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from invviz.ui import orphans

OUTER, INNER = "outer", "inner"


def block(*path, fragment=""):
    message = ForwardMsg()
    message.metadata.delta_path[:] = path
    message.delta.add_block.vertical.SetInParent()
    message.delta.fragment_id = fragment
    return message


def text(*path, fragment=""):
    message = ForwardMsg()
    message.metadata.delta_path[:] = path
    message.delta.new_element.text.body = "said"
    message.delta.fragment_id = fragment
    return message


def drawn(queue, messages):
    for message in messages:
        queue.enqueue(message)
    return queue


def paths(queue):
    return [tuple(message.metadata.delta_path) for message in queue.flush() if message.HasField("delta")]


def page():
    """What a whole run leaves in the queue: a part with the clock, a container in it, a part inside of that; and what stands beside."""
    return [
        text(0, 0),
        block(0, 1),
        text(0, 1, 0, fragment=OUTER),
        block(0, 1, 1, fragment=OUTER),
        block(0, 1, 1, 0, fragment=INNER),
        text(0, 1, 1, 0, 0, fragment=INNER),
        text(0, 2),
    ]


@pytest.fixture(autouse=True)
def mended():
    orphans.leave_none()


def test_the_inside_goes_with_its_container():
    queue = drawn(ForwardMsgQueue(), page())
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=[OUTER])
    assert paths(queue) == [(0, 0), (0, 1), (0, 2)]


def test_streamlit_alone_would_leave_it():
    """If this fails, Streamlit has mended it, and `orphans` can go."""
    queue = drawn(ForwardMsgQueue(), page())
    orphans._clear(queue, True, [OUTER])
    assert (0, 1, 1, 0) in paths(queue)


def test_the_inside_stays_where_its_container_is_in_the_browser():
    queue = drawn(ForwardMsgQueue(), page()[4:])
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=[OUTER])
    assert paths(queue) == [(0, 1, 1, 0), (0, 1, 1, 0, 0), (0, 2)]


def test_the_inner_part_alone_takes_nothing_else_with_it():
    queue = drawn(ForwardMsgQueue(), page())
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=[INNER])
    assert paths(queue) == [(0, 0), (0, 1), (0, 1, 0), (0, 1, 1), (0, 2)]


def test_a_whole_run_still_clears_everything():
    end = ForwardMsg()
    end.script_finished = ForwardMsg.FINISHED_SUCCESSFULLY
    queue = drawn(ForwardMsgQueue(), [*page(), end])
    queue.clear(retain_lifecycle_msgs=True)
    left = queue.flush()
    assert [message.WhichOneof("type") for message in left] == ["script_finished"]
    assert left[0].script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN


def test_what_is_drawn_afterwards_comes_after_what_was_left():
    queue = drawn(ForwardMsgQueue(), page())
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=[OUTER])
    drawn(queue, page()[2:6])
    seen = paths(queue)
    for place, path in enumerate(seen):
        assert len(path) < 3 or path[:-1] in seen[:place], "a thing before its container"
