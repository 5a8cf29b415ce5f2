"""torchvision, imported when it is first asked for, also beside a torch without CUDA."""

from __future__ import annotations

import importlib
import sys
import threading
from types import ModuleType

_lock = threading.Lock()  # two pages may ask at once; a half-made import must not be seen by the other
_kept: list[object] = []  # torch forgets a library's operators when the object that declared them is collected


def load_torchvision() -> ModuleType:
    """torchvision, with its `datasets`; call it inside functions only, the import takes seconds.

    A torchvision built for CUDA cannot load its compiled library beside a CPU torch. It then trips over two
    operators that it describes but does not have. Declaring these two is enough for data sets, models and
    transforms; the compiled operators themselves (nms, its own JPEG reader) stay absent, and we use none of them.

    Raises:
        RuntimeError: torchvision fails for any other reason.
    """
    with _lock:
        try:
            module = importlib.import_module("torchvision")
        except RuntimeError as err:
            if "torchvision::" not in str(err):  # not the missing operators: nothing we can cure
                raise
            _forget_half_import()
            _declare_operators()
            module = importlib.import_module("torchvision")
        importlib.import_module("torchvision.datasets")
    return module


def _forget_half_import() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]


def _declare_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _kept.append(library)
