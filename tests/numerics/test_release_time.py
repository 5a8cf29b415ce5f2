"""What a release takes is counted whole: the clock of one thread, and no other thread that works for it."""

import time
from types import SimpleNamespace

import pytest
import torch

from invviz.engine.attack import _milliseconds


def test_a_release_is_timed_on_one_thread_and_the_threads_come_back():
    before, seen = torch.get_num_threads(), []
    client = SimpleNamespace(batch=SimpleNamespace(private=torch.zeros(1)), net=None)

    def release(*_: object) -> None:
        seen.append(torch.get_num_threads())
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass

    torch.set_num_threads(2)
    try:
        assert _milliseconds(client, release) == pytest.approx(20, abs=5)
        assert set(seen) == {1}
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError):
            _milliseconds(client, lambda *_: 1 / 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
