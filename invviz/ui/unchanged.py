"""What a page's clock draws again and is as it was is not sent again: to the browser all that comes is new, and costs it several times what it cost here.

Streamlit sends whatever a run has drawn, and the browser builds all of it anew, pictures, charts and formulas. While jobs run, a page draws itself about once a second
(`pulse`), mostly the same. So what a run of the clock's part draws is held back until it is over, and compared with what was sent before: what differs goes out, and if nothing
does, the browser hears of no run at all. Where something has gone from the page, everything goes out as ever: a browser clears away what a whole run has left out.
"""

from __future__ import annotations

import weakref

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner_utils.script_run_context import enqueue_message

CLOCK = "invviz clock"  # the message that is for the queue alone
LIFE = ("new_session", "session_status_changed", "script_finished")  # of a run: it begins, it goes on or not, it is over
DRAWN = ("delta", "ref_hash")  # something stands somewhere; what the browser has kept comes by its hash alone
MANY = 1000  # contents of which it is known who drew them
ONCE = ("toast", "balloons", "snow")  # shown whenever it comes, the same or not
Path = tuple[int, ...]

_enqueue, _flush = ForwardMsgQueue.enqueue, ForwardMsgQueue.flush


def send_once() -> None:
    """From now on, for all queues of this process; calling it again changes nothing."""
    ForwardMsgQueue.enqueue, ForwardMsgQueue.flush = _enqueue_or_hold, _flush_and_note


def tell() -> None:
    """Said while a part is drawn that a clock will draw again: the queue knows its next run by it."""
    message = ForwardMsg(hash=CLOCK)
    message.delta.SetInParent()
    enqueue_message(message)  # writes the part's name on it


class _Screen:
    """What one browser shows, and the run that is held back."""

    def __init__(self) -> None:
        self.shown: dict[Path, tuple[str, str | None]] = {}  # hash of the content, and the part it is of: "" the page, None not known
        self.kept: dict[str, str] = {}  # the part that drew what the browser keeps
        self.run: set[Path] = set()  # what went out of the run that is on
        self.parts: list[str] = []  # which it draws; none: the page
        self.clocks: set[str] = set()
        self.held: list[ForwardMsg] | None = None
        self.hushed = False

    def note(self, message: ForwardMsg) -> None:
        """A message goes out."""
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.run, self.parts = set(), list(message.metadata.run.fragment_ids)
            self.shown = self.shown if self.parts else {}
        elif kind in DRAWN:
            if message.metadata.cacheable:
                self.kept = self.kept if len(self.kept) < MANY else {}
                self.kept[message.hash] = message.delta.fragment_id
            part = message.delta.fragment_id if kind == "delta" else self.kept.get(message.ref_hash)
            self._put(_path(message), _content(message), part)
        elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
            self.shown = {path: one for path, one in self.shown.items() if path in self.run or one[1] not in self.parts}

    def _put(self, path: Path, content: str, part: str | None) -> None:
        if self.shown.get(path, (content,))[0] != content:  # a container may lose what stands in it with its kind
            self.shown |= {p: ("", one[1]) for p, one in self.shown.items() if len(p) > len(path) and p[: len(path)] == path}
        self.shown[path] = content, part
        self.run.add(path)

    def soon(self, waiting: list[ForwardMsg]) -> _Screen:
        """The screen when what waits in the queue has gone out."""
        screen = _Screen()
        screen.shown, screen.kept, screen.run, screen.parts = dict(self.shown), dict(self.kept), set(self.run), self.parts
        for message in waiting:
            screen.note(message)
        return screen

    def differs(self, run: list[ForwardMsg]) -> list[ForwardMsg] | None:
        """What of a whole run has to go out; None: all of it, as something that is shown was not drawn again."""
        drawn = {_path(m): m for m in run if m.WhichOneof("type") in DRAWN}
        parts = {None, *(m.delta.fragment_id for m in drawn.values() if m.WhichOneof("type") == "delta")}
        if any(path not in drawn and part in parts for path, (_, part) in self.shown.items()):
            return None
        if any(path[:depth] in drawn and not _holds(drawn[path[:depth]]) for path in drawn for depth in range(1, len(path))):
            return None  # a container of which nothing was left in the end
        new: set[Path] = set()
        for path, message in drawn.items():  # a container comes before what stands in it, and takes it along
            as_it_was = bool(_content(message)) and self.shown.get(path, ("", ""))[0] == _content(message)
            if not as_it_was or _once(message) or any(path[:depth] in new for depth in range(1, len(path))):
                new.add(path)
        return [m for m in run if m.WhichOneof("type") not in DRAWN or _path(m) in new]


_screens: weakref.WeakKeyDictionary[ForwardMsgQueue, _Screen] = weakref.WeakKeyDictionary()


def _screen(queue: ForwardMsgQueue) -> _Screen:
    if queue not in _screens:
        _screens[queue] = _Screen()
    return _screens[queue]


def _enqueue_or_hold(self: ForwardMsgQueue, msg: ForwardMsg) -> None:
    screen, kind = _screen(self), msg.WhichOneof("type")
    if msg.hash == CLOCK:
        screen.clocks.add(msg.delta.fragment_id)
        return
    if screen.hushed and kind == "session_status_changed":
        screen.hushed = False
        return
    if kind == "new_session":
        screen.held = [m for m in screen.held or () if m.WhichOneof("type") not in ("new_session", *DRAWN)]  # of a run that never ended
        _release(self, screen)
        parts = set(msg.metadata.run.fragment_ids)
        screen.held = [] if parts and parts <= screen.clocks else None
        screen.clocks.clear()  # a clock that goes on says so again
    if screen.held is None:
        _enqueue(self, msg)
        return
    screen.held.append(msg)
    if kind == "script_finished":
        _end(self, screen, msg)
        _release(self, screen)
    elif kind == "delta" and msg.delta.WhichOneof("type") not in ("new_element", "add_block"):
        _release(self, screen)  # a sign that one has to wait, say


def _end(queue: ForwardMsgQueue, screen: _Screen, finished: ForwardMsg) -> None:
    """The held run is over: keep of it what has to go out."""
    whole = finished.script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
    left = screen.soon(queue._queue).differs(screen.held or []) if whole else None
    if left is None:
        return
    finished.script_finished = ForwardMsg.FINISHED_EARLY_FOR_RERUN  # after such a run the browser clears nothing away
    kinds = {m.WhichOneof("type") for m in left}
    screen.held = left if kinds.difference(LIFE) else []
    screen.hushed = not screen.held and "session_status_changed" in kinds  # who was not told that it began need not hear that it is over


def _release(queue: ForwardMsgQueue, screen: _Screen) -> None:
    held, screen.held = screen.held or (), None
    for message in held:
        _enqueue(queue, message)


def _flush_and_note(self: ForwardMsgQueue) -> list[ForwardMsg]:
    messages, screen = _flush(self), _screen(self)
    for message in messages:
        screen.note(message)
    return messages


def _once(message: ForwardMsg) -> bool:
    """Whether it does something each time it comes: it sets a value, or is shown for a moment."""
    element = message.delta.new_element
    kind = element.WhichOneof("type")
    return kind in ONCE or bool(kind and getattr(getattr(element, kind), "set_value", False))


def _holds(message: ForwardMsg) -> bool:
    return message.delta.WhichOneof("type") == "add_block"


def _content(message: ForwardMsg) -> str:
    return message.ref_hash or message.hash


def _path(message: ForwardMsg) -> Path:
    return tuple(message.metadata.delta_path)
