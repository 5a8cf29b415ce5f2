"""Nothing of a page goes out without what it stands in.

Streamlit keeps what a run has drawn in a queue until it is sent. When the run of a fragment starts, what that fragment has drawn before and is still in the
queue is dropped, since it is drawn again. What a fragment inside of it has drawn is not dropped, and comes to the browser without the container around it: "Bad
delta path index", after which the page answers nothing. It happens where a page is slow and its clock (`pulse`) strikes before the first drawing is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

if TYPE_CHECKING:
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

_clear = ForwardMsgQueue.clear


def leave_none() -> None:
    """From now on, for all queues of this process; calling it again changes nothing."""
    ForwardMsgQueue.clear = _clear_with_insides


def _clear_with_insides(self: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None) -> None:
    """Streamlit's own clearing, and what stood in a container that it dropped goes with it: whoever draws the container again draws its inside again."""
    before = list(self._queue)
    _clear(self, retain_lifecycle_msgs, fragment_ids_this_run)
    left = {id(message) for message in self._queue}
    dropped = {_path(message) for message in before if id(message) not in left and message.WhichOneof("type") == "delta"}
    self._queue = [message for message in self._queue if not _stands_in(message, dropped)]


def _stands_in(message: ForwardMsg, dropped: set[tuple[int, ...]]) -> bool:
    path = _path(message)
    return message.WhichOneof("type") in ("delta", "ref_hash") and any(path[:depth] in dropped for depth in range(1, len(path)))


def _path(message: ForwardMsg) -> tuple[int, ...]:
    return tuple(message.metadata.delta_path)
