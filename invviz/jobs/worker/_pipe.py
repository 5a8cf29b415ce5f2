"""The worker's end of the pipe: jobs come in on stdin, progress and results go out on stdout, nothing is written to the disk."""

from __future__ import annotations

import dataclasses
import os
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np

from ...core.errors import Cancelled
from ...core.pixels import as_bytes
from ...engine.client import Site
from ...engine.results import Event, Reporter
from ...scenario import Scenario
from ..limits import limits
from ..private import Message, read, write
from . import Clock, Outcome, bound_memory, execute, reason, reporter, set_threads, warm_up

Call = Callable[[Mapping[str, Any], Mapping[str, np.ndarray], Reporter], tuple[dict[str, Any], dict[str, np.ndarray]]]
"""What computes a job that is no scenario: of its header and arrays, and a way to report."""


class Server:
    """One end of a conversation: jobs one after the other, until the other end closes."""

    def __init__(self, site: Site, incoming: IO[bytes], outgoing: IO[bytes], calls: Mapping[str, Call] | None = None) -> None:
        self._site, self._calls = site, calls or {}
        self._incoming, self._outgoing = incoming, outgoing
        self._jobs: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._stopped = 0  # jobs up to this number shall stop
        self._closed = False

    def run(self) -> None:
        """Serve until the other end closes."""
        threading.Thread(target=self._listen, daemon=True).start()
        warm_up(self._site)
        while message := self._jobs.get():
            self._serve(message)

    def _listen(self) -> None:
        try:
            while message := read(self._incoming):
                if message.header["type"] == "stop":
                    self._stopped = max(self._stopped, message.header["number"])
                else:
                    self._jobs.put(message)
        finally:  # also where something that is no message came in
            self._closed = True
            self._jobs.put(None)

    def _serve(self, message: Message) -> None:
        kind, number = message.header["type"], message.header["number"]
        clock = Clock(limits().job)
        report = reporter(lambda event: self._tell(number, event), lambda: self._closed or number <= self._stopped or clock.over())
        try:
            if kind in self._calls:
                outcome = self._called(self._calls[kind], message, report)
            else:
                outcome = execute(kind, Scenario.parse(message.header["scenario"]), self._site, report, message.arrays.get("picture"))
            result = clock.said(outcome) if outcome.stopped and clock.rang else outcome.result
            facts = {"type": "result", "number": number, "kind": kind, "stopped": outcome.stopped, "result": result}
            self._send(facts, outcome.arrays)
        except Exception as err:  # as in the worker: it outlives its jobs
            self._send({"type": "error", "number": number, "error": reason(err), "traceback": traceback.format_exc()})

    def _called(self, call: Call, message: Message, report: Reporter) -> Outcome:
        """A job that is no scenario; one that is asked to stop hands in what it has."""
        set_threads("risk")
        going = True

        def watched(event: Event) -> bool:
            nonlocal going
            going = report(event) and going
            return going

        try:
            result, arrays = call(message.header, message.arrays, watched)
        except Cancelled:
            return Outcome(None, {}, stopped=True)
        return Outcome(result, arrays, stopped=not going)

    def _tell(self, number: int, event: Event) -> bool:
        facts = dataclasses.asdict(dataclasses.replace(event, frame=None))
        del facts["frame"]
        self._send({"type": "progress", "number": number, **facts}, {} if event.frame is None else {"frame": as_bytes(event.frame)})
        return True

    def _send(self, header: dict[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
        try:
            write(self._outgoing, header, arrays)
        except BrokenPipeError:  # nobody listens any more
            self._closed = True


def serve(site: Site, calls: Mapping[str, Call] | None = None) -> None:
    """Compute what comes in on stdin until it closes. Whatever libraries print goes to stderr, so that stdout stays intact."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # below Python, so that what C libraries print is caught as well
    bound_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the dashboard's terminal reaches us too; stdin says when to end
    Server(site, incoming, outgoing, calls).run()
