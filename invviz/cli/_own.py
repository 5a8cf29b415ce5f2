"""A net, a loss and records of the user, named on the command line. Nets and losses are code: importing them runs it, which is said before."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import InvvizError, TextError, UploadError
from ..core.lazy import torch
from ..core.torchvision import load_torchvision
from ..datasets import digest, read_own
from ..datasets.own import OWN_DISK, class_numbers, read_file, read_folder, read_safetensors, records_and_targets
from ._origin import drawn

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from ..scenario import Scenario

PLACE = "package.module:name, as in mynets.small:build, or FILE.py:name"
LOSSES = ("cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "l1_loss", "smooth_l1_loss", "nll_loss", "soft_margin_loss")


def named(place: str, what: str) -> Any:
    """Whatever has a name in a module or a file of the user; says on stderr that its code is run, and then runs it.

    Args:
        place: package.module:name or FILE.py:name; names may have dots.
        what: it is for, in words.

    Raises:
        TextError: there is no such module, file or name.
        InvvizError: its code broke off.
    """
    source, colon, name = place.rpartition(":")
    if not (colon and source and name and all(part.isidentifier() for part in name.split("."))):
        raise TextError(f"{place!r} names no {what}. Write {PLACE}.")
    print(f"This imports {source} and runs its code, with your rights on this machine. Only name code that you trust.", file=sys.stderr)
    found: Any = _imported(source, what)
    for part in name.split("."):
        if not hasattr(found, part):
            known = [n for n in vars(found) if not n.startswith("_")] if hasattr(found, "__dict__") else []
            raise TextError(f"{source} has no {part!r}; it has {', '.join(known[:12]) or 'no names'}. Write {PLACE}.")
        found = getattr(found, part)
    return found


def _imported(source: str, what: str) -> Any:
    if source.split(".")[0] == "torchvision":
        load_torchvision()
    if not source.endswith(".py"):
        if not all(part.isidentifier() for part in source.split(".")):
            raise TextError(f"{source!r} is no module for a {what}. Write {PLACE}.")
        if "" not in sys.path and str(Path.cwd()) not in sys.path:  # the installed command does not look here, `python -m` does
            sys.path.insert(0, str(Path.cwd()))
        try:
            with _running(source):
                return importlib.import_module(source)
        except ModuleNotFoundError as err:
            if err.name and not f"{source}.".startswith(f"{err.name}."):
                raise InvvizError(f"{source} needs the module {err.name}, which is not installed here.") from err
            raise TextError(
                f"There is no module {err.name or source} here or among the installed ones. Write {PLACE}, in the folder where it lies."
            ) from err
    file = Path(source)
    if not file.is_file():
        raise TextError(f"There is no file {source}. Write {PLACE}.")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise TextError(f"{source} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(file.stem, module)
    sys.path.insert(0, str(file.resolve().parent))  # so that it finds its neighbours, as a script does
    with _running(source):
        spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _running(source: str) -> Iterator[None]:
    """The user's own code runs inside: where it breaks off, that is said with the line.

    Raises:
        InvvizError: it broke off.
    """
    try:
        yield
    except (InvvizError, ModuleNotFoundError, KeyboardInterrupt):
        raise
    except BaseException as err:  # also SystemExit, of scripts without `if __name__ == "__main__"`
        last = traceback.extract_tb(err.__traceback__)[-1]
        raise InvvizError(f"{source} broke off: {type(err).__name__}: {err} ({last.filename}, line {last.lineno}).") from err


def net(place: str, weights: Path | None, seed: int) -> nn.Module:
    """The user's net: a module, or what a class or a function gives that is called without arguments; torch is seeded before its code is run, and again before the call.

    Raises:
        TextError: it is none.
        InvvizError: its code broke off, or the weights do not fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found = named(place, "net")
        if not isinstance(found, torch.nn.Module):
            if not callable(found):
                raise TextError(f"{place} is {type(found).__name__}, no torch.nn.Module and nothing that can be called for one.")
            torch.manual_seed(seed)
            with _running(place):
                found = found()
    if not isinstance(found, torch.nn.Module):
        raise TextError(
            f"{place} gave {type(found).__name__}, no torch.nn.Module. Name a module, or what gives one when it is called without arguments."
        )
    if weights is None:
        print(f"Weights: {drawn(seed)}", file=sys.stderr, flush=True)
    else:
        from ..engine.audit.weights import load

        load(found, tensors(weights, "weights"))
    return found


def loss(text: str | None) -> Callable[[Any, Any], Any] | None:
    """A loss of torch's by its name, or one of the user's own.

    Raises:
        TextError: it is neither.
    """
    if text is None:
        return None
    if ":" not in text:
        if text not in LOSSES:
            raise TextError(f"--loss {text}: known are {', '.join(LOSSES)}, and your own as {PLACE}.")
        return getattr(torch.nn.functional, text)
    found = named(text, "loss")
    if not callable(found):
        raise TextError(f"{text} is {type(found).__name__}, no function (outputs, targets) -> number.")
    if isinstance(found, type):  # a class such as torch.nn.BCEWithLogitsLoss
        with _running(text):
            found = found()
    return found


def tensors(path: Path, what: str) -> dict[str, np.ndarray]:
    """Tensors of a safetensors file, by name.

    Raises:
        TextError: another kind of file, or broken.
    """
    if path.suffix != ".safetensors":
        raise TextError(
            f"{path}: {what} are read as .safetensors, which holds no code. `invviz convert {path} {path.stem}.safetensors` makes one of torch's own."
        )
    with _reading(path), path.open("rb") as file:
        return read_safetensors(file, str(path), OWN_DISK)


def records(path: Path, labels: str | None) -> tuple[Mapping[str, np.ndarray], np.ndarray | None]:
    """Inputs by name and targets.

    Args:
        path: a file, or a folder of pictures.
        labels: a file of targets, or their name in the data.

    Raises:
        TextError: they cannot be read; says why, and what to do.
    """
    with _reading(path):
        if path.is_dir():
            found = read_folder(path, OWN_DISK)
        else:
            with path.open("rb") as file:
                found = read_file(file, str(path), OWN_DISK)
        inside = labels if labels is None or labels in found else None
        if inside is None and "label" in found and path.is_dir():
            inside = "label"
        inputs, target = records_and_targets(found, inside, path.suffix.lower() == ".csv")
    if labels is None or inside == labels:
        return inputs, target
    return inputs, targets(Path(labels), path, tuple(found))


def columns(path: Path, labels: str | None) -> tuple[str, ...]:
    """Names of a table's columns that go to the net, in their order.

    Raises:
        TextError: as of `records`.
    """
    with _reading(path), path.open("rb") as file:
        return tuple(name for name in read_file(file, str(path), OWN_DISK) if name != labels)


def own_sample(scenario: Scenario, path: Path | None) -> tuple[Scenario, np.ndarray | None]:
    """The scenario with a sample of the user's own in place of the victim, and that sample; nothing changes where no file is named.

    Raises:
        TextError: there is no such file, or it cannot be read as a sample of the scenario's data set.
    """
    if path is None:
        return scenario, None
    with _reading(path):
        sample = read_own(path.read_bytes(), scenario.data)
    return scenario.replace(upload=digest(sample)), sample


def targets(path: Path, data: Path, names: Sequence[str] = ()) -> np.ndarray:
    """Targets out of a file of their own.

    Args:
        path: of them.
        data: file of the records.
        names: of arrays in that.

    Raises:
        TextError: there is no such file, or it holds several arrays.
    """
    if not path.exists():
        holds = (
            f", and {data} holds {', '.join(names[:12])}"
            if names
            else ". Name one with a class number for every sentence, .npy, or .csv of one column"
        )
        raise TextError(f"--labels {path}: there is no such file{holds}.")
    with _reading(path), path.open("rb") as file:
        columns = read_file(file, str(path), OWN_DISK)
    if len(columns) != 1:
        raise TextError(
            f"--labels {path}: it holds {', '.join(list(columns)[:12])}. Give a file with one of them alone, .npy, or .csv of one column."
        )
    (target,) = columns.values()
    return class_numbers(target) if path.suffix.lower() == ".csv" else target


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except UploadError as err:
        raise TextError(str(err)) from err
    except OSError as err:
        raise TextError(f"{path} cannot be read: {err.strerror or err}. Check its name.") from err
